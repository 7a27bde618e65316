// The README's picture of the pipeline is the pipeline.
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "dataplane/pipeline.h"

namespace portcullis::dataplane {
namespace {

// The boxes of the ```pipeline block, in order.
std::vector<std::string> picture() {
    std::ifstream readme(PORTCULLIS_SOURCE_DIR "/dataplane/README.md");
    std::string line;
    while (std::getline(readme, line) && line != "```pipeline") continue;
    std::getline(readme, line);
    const std::string arrow = " ─► ";
    std::vector<std::string> boxes;
    for (std::size_t at = 0; at <= line.size();) {
        const std::size_t end = std::min(line.find(arrow, at), line.size());
        boxes.push_back(line.substr(at, end - at));
        at = end + arrow.size();
    }
    return boxes;
}

TEST(PipelinePicture, NamesEveryStageInOrder) {
    std::vector<std::string> expected = {"device", "worker"};
    for (const Stage& stage : pipeline()) expected.emplace_back(stage.name);
    expected.emplace_back("device");
    EXPECT_EQ(picture(), expected);
}

}  // namespace
}  // namespace portcullis::dataplane
