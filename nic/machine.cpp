#include "nic/machine.h"

#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

namespace portcullis::nic {
namespace {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return std::move(text).str();
}

// The number that `text` is; nullopt for anything else.
std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// The value behind "Key:\t" in /proc/PID/status, "" if the key is not there.
std::string_view field(std::string_view status, std::string_view key) {
    std::string wanted = "\n";
    wanted.append(key).append(":\t");
    const auto at = status.find(wanted);
    if (at == std::string_view::npos) return {};
    const auto value = status.substr(at + wanted.size());
    return value.substr(0, value.find('\n'));
}

bool spins_on(const fs::path& task, std::string_view core) {
    const std::string status = read_text(task / "status");
    return field(status, "Cpus_allowed_list") == core && field(status, "State").starts_with("R");
}

}  // namespace

std::vector<unsigned> usable_cores() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<unsigned> cores;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return cores;
    for (unsigned core = 0; core < CPU_SETSIZE; ++core)
        if (CPU_ISSET(core, &set)) cores.push_back(core);
    return cores;
}

std::optional<std::string> busy_with(unsigned core) {
    const std::string wanted = std::to_string(core);
    std::error_code gone;  // processes end while we look: whatever cannot be read is skipped
    for (const auto& process : fs::directory_iterator("/proc", gone)) {
        const auto pid = number(process.path().filename().string());
        if (!pid || *pid == static_cast<std::uint64_t>(getpid())) continue;
        if (read_text(process.path() / "cmdline").empty()) continue;  // a kernel thread
        for (const auto& task : fs::directory_iterator(process.path() / "task", gone)) {
            if (!spins_on(task.path(), wanted)) continue;
            std::string name = read_text(process.path() / "comm");
            if (name.ends_with('\n')) name.pop_back();
            return name + " (pid " + std::to_string(*pid) + ")";
        }
    }
    return std::nullopt;
}

std::uint64_t free_huge_mib() {
    std::uint64_t kib = 0;
    std::error_code missing;
    for (const auto& size : fs::directory_iterator("/sys/kernel/mm/hugepages", missing)) {
        // "hugepages-2048kB"
        std::string name = size.path().filename().string();
        if (!name.starts_with("hugepages-") || !name.ends_with("kB")) continue;
        const auto page = number(std::string_view(name).substr(10, name.size() - 12));
        std::string free = read_text(size.path() / "free_hugepages");
        if (free.ends_with('\n')) free.pop_back();
        kib += page.value_or(0) * number(free).value_or(0);
    }
    return kib / 1024;
}

bool interface_exists(const std::string& name) {
    return if_nametoindex(name.c_str()) != 0;
}

std::optional<std::string> pci_driver(const std::string& address) {
    const fs::path device = fs::path("/sys/bus/pci/devices") / address;
    std::error_code error;
    if (!fs::exists(device, error)) return std::nullopt;
    const fs::path driver = fs::read_symlink(device / "driver", error);
    return error ? std::string() : driver.filename().string();
}

}  // namespace portcullis::nic
