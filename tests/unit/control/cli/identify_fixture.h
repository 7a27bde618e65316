// `portcullis identify` over captures made in a test.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "control/cli/command.h"
#include "control/cli/describe.h"
#include "tests/unit/control/cli/talk.h"

namespace portcullis::control::cli::testing {

struct Output {
    int code = 0;
    std::string out, err;
    Json json() const { return Json::parse(out, nullptr, false); }
};

inline Output identify(Arguments arguments) {
    std::istringstream in;
    std::ostringstream out, err;
    Streams streams{in, out, err};
    arguments.insert(arguments.begin(), "identify");
    Output result;
    result.code = dispatch(arguments, streams);
    result.out = out.str();
    result.err = err.str();
    return result;
}

class IdentifyTest : public ::testing::Test {
  protected:
    IdentifyTest() {
        std::string name = std::filesystem::temp_directory_path() / "pc-identify-XXXXXX";
        directory_ = ::mkdtemp(name.data());
    }
    ~IdentifyTest() override {
        std::error_code error;
        std::filesystem::remove_all(directory_, error);
    }
    Output run(const CaptureFile::Bytes& file, Arguments more = {"--json"}) const {
        const auto path = directory_ / "test.pcap";
        test::write_file(path, file);
        more.insert(more.begin(), path.string());
        return identify(more);
    }
    Json flows(const CaptureFile& file) const {
        const auto output = run(file.pcap(kRaw));
        EXPECT_EQ(output.code, kOk) << output.err;
        return output.json();
    }
    std::filesystem::path directory_;
};

}  // namespace portcullis::control::cli::testing
