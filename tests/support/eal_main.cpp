// main() of tests that need DPDK: one EAL without huge pages, devices or root, for the whole
// executable.
#include <gtest/gtest.h>
#include <rte_eal.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    const std::string prefix = "--file-prefix=portcullis-test-" + std::to_string(getpid());
    std::array arguments = {
        "test",        "--no-huge",      "-m",           "512",      "--no-pci",
        "--no-shconf", "--no-telemetry", prefix.c_str(), "--lcores", "0@0,1@0,2@0,3@0",
        "--log-level", "error",
    };
    std::array<char*, arguments.size()> copies{};
    for (std::size_t i = 0; i < arguments.size(); ++i) copies[i] = const_cast<char*>(arguments[i]);
    if (rte_eal_init(static_cast<int>(copies.size()), copies.data()) < 0) {
        std::fputs("EAL does not start\n", stderr);
        return EXIT_FAILURE;
    }
    const int result = RUN_ALL_TESTS();
    const std::string directory = rte_eal_get_runtime_dir();
    rte_eal_cleanup();
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
    return result;
}
