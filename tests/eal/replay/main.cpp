// replay [-v] FILE|DIRECTORY...: exit code 0 where the data plane agrees with identify about all flows, else 1.
#include <filesystem>
#include <iostream>
#include <string>

#include "tests/eal/replay/replay.h"
#include "tests/support/eal.h"

namespace {

using portcullis::dataplane::test::Excuse;
using portcullis::dataplane::test::kExcuses;
using portcullis::dataplane::test::Replay;
using portcullis::dataplane::test::Tally;

void print(const Tally& tally) {
    std::cout << tally.files << " files, " << tally.flows << " flows (" << tally.not_played
              << " without a start or payload), " << tally.packets << " packets; " << tally.plays
              << " plays: " << tally.passed << " pass, " << tally.refused << " refused, "
              << tally.undecided << " undecided; " << tally.held << " packets sent again\n";
    for (unsigned i = 1; i < kExcuses; ++i)
        if (tally.excused[i] != 0)
            std::cout << "excused: " << to_string(static_cast<Excuse>(i)) << " " << tally.excused[i]
                      << '\n';
    std::cout << tally.disagreements << " disagreements\n";
}

void run(Replay& replay, const std::filesystem::path& path) {
    if (!std::filesystem::is_directory(path)) {
        replay.run(path);
        return;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path))
        if (entry.is_regular_file()) replay.run(entry.path());
}

}  // namespace

int main(int argc, char** argv) {
    const portcullis::test::Eal eal;
    if (!eal.started() || argc < 2) {
        std::cerr << "usage: replay [-v] FILE|DIRECTORY...\n";
        return 2;
    }
    const bool verbose = std::string_view(argv[1]) == "-v";
    Replay replay([](const std::string& line) { std::cout << line << '\n'
                                                          << std::flush; },
                  verbose);
    for (int i = verbose ? 2 : 1; i < argc; ++i) run(replay, argv[i]);
    print(replay.tally());
    return replay.tally().disagreements == 0 ? 0 : 1;
}
