// One EAL for a whole executable, without huge pages, devices or root.
#pragma once

#include <rte_eal.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>

namespace portcullis::test {

class Eal {
  public:
    Eal() {
        const std::string prefix = "--file-prefix=portcullis-test-" + std::to_string(getpid());
        std::array arguments = {
            "test",        "--no-huge",      "-m",           "512",      "--no-pci",
            "--no-shconf", "--no-telemetry", prefix.c_str(), "--lcores", "0@0,1@0,2@0,3@0",
            "--log-level", "error",
        };
        std::array<char*, arguments.size()> copies{};
        for (std::size_t i = 0; i < arguments.size(); ++i)
            copies[i] = const_cast<char*>(arguments[i]);
        started_ = rte_eal_init(static_cast<int>(copies.size()), copies.data()) >= 0;
    }
    ~Eal() {
        if (!started_) return;
        const std::string directory = rte_eal_get_runtime_dir();
        rte_eal_cleanup();
        std::error_code ignored;
        std::filesystem::remove_all(directory, ignored);
    }
    Eal(const Eal&) = delete;
    Eal& operator=(const Eal&) = delete;

    bool started() const { return started_; }

  private:
    bool started_ = false;
};

}  // namespace portcullis::test
