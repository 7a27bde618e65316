// A fuzz target over kept inputs: REPLAY FILE|DIRECTORY...
// (one that is not there holds nothing)
//
// Each input is named before it is tried, so that the last name printed is the one that failed.
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <set>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

namespace fs = std::filesystem;

bool replay(const fs::path& file) {
    std::cout << file.string() << std::endl;
    std::ifstream stream(file, std::ios::binary);
    const std::vector<char> read{std::istreambuf_iterator<char>(stream),
                                 std::istreambuf_iterator<char>()};
    if (!stream.eof() && !stream) {
        std::cerr << file.string() << " cannot be read\n";
        return false;
    }
    // Of the exact size, so that a sanitizer sees a read behind the end.
    const auto bytes = std::make_unique<std::uint8_t[]>(read.size());
    if (!read.empty()) std::memcpy(bytes.get(), read.data(), read.size());
    LLVMFuzzerTestOneInput(bytes.get(), read.size());
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    std::set<fs::path> files;
    for (int i = 1; i < argc; ++i) {
        const fs::path path(argv[i]);
        if (!fs::exists(path)) continue;
        if (!fs::is_directory(path)) {
            files.insert(path);
            continue;
        }
        for (const auto& entry : fs::directory_iterator(path))
            if (entry.is_regular_file()) files.insert(entry.path());
    }
    if (files.empty()) {
        std::cerr << "replay: no inputs; name files or directories that hold some\n";
        return 2;
    }
    for (const auto& file : files)
        if (!replay(file)) return 1;
    std::cout << files.size() << " inputs\n";
}
