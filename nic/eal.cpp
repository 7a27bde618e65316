#include "nic/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <filesystem>

#include "nic/log.h"
#include "nic/machine.h"

namespace portcullis::nic {
namespace {

using Problem = tl::expected<void, std::string>;

Problem check_cores(const EalOptions& options) {
    const std::vector<unsigned> usable = usable_cores();
    std::vector<unsigned> wanted = options.worker_cores;
    wanted.push_back(options.main_core);
    for (const unsigned core : wanted) {
        if (std::ranges::binary_search(usable, core)) continue;
        std::string list;
        for (const unsigned have : usable) list.append(" ").append(std::to_string(have));
        return tl::unexpected("core " + std::to_string(core) +
                              " is not there for this process: set `main-core` and `cores` to some "
                              "of:" +
                              list);
    }
    if (!options.workers_spin) return {};
    for (const unsigned core : options.worker_cores)
        if (const auto who = busy_with(core))
            return tl::unexpected("core " + std::to_string(core) + " is busy: " + *who +
                                  " spins on it; give the workers other `cores`, or set "
                                  "`idle = sleep` to share it");
    return {};
}

Problem check_memory(const EalOptions& options) {
    if (!options.huge) {
        if (options.pci.empty()) return {};
        return tl::unexpected(std::string("PCI devices need huge pages: set `huge = on`"));
    }
    const std::uint64_t free = free_huge_mib();
    if (free >= options.memory_mib) return {};
    return tl::unexpected("too few huge pages: `memory-mib` asks for " +
                          std::to_string(options.memory_mib) + " MiB and " + std::to_string(free) +
                          " MiB are free; reserve them with `sysctl "
                          "vm.nr_hugepages=" +
                          std::to_string((options.memory_mib + 1) / 2) +
                          "`, or set "
                          "`huge = off` where no PCI device is used");
}

std::vector<std::string> arguments_of(const EalOptions& options) {
    std::string lcores = "0@" + std::to_string(options.main_core);
    for (std::size_t i = 0; i < options.worker_cores.size(); ++i)
        lcores.append(",")
            .append(std::to_string(i + 1))
            .append("@")
            .append(std::to_string(options.worker_cores[i]));
    std::vector<std::string> arguments = {
        options.program,
        "--lcores",
        lcores,
        "--main-lcore",
        "0",
        "-m",
        std::to_string(options.memory_mib),
        "--no-telemetry",
        "--force-max-simd-bitwidth=512",  // rte_acl uses AVX-512 only when told to
        "--file-prefix",
        "portcullis-" + std::to_string(getpid()),
    };
    if (options.huge)
        arguments.push_back("--in-memory");
    else  // EAL refuses --in-memory together with --no-huge
        arguments.insert(arguments.end(), {"--no-huge", "--no-shconf"});
    if (options.pci.empty()) arguments.push_back("--no-pci");
    for (const std::string& address : options.pci)
        arguments.insert(arguments.end(), {"--allow", address});
    return arguments;
}

}  // namespace

tl::expected<void, std::string> start_eal(const EalOptions& options) {
    if (auto cores = check_cores(options); !cores) return cores;
    if (auto memory = check_memory(options); !memory) return memory;
    std::vector<std::string> arguments = arguments_of(options);
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    take_complaint();
    if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) >= 0) return {};
    const int error = rte_errno;
    const std::string complaint = take_complaint();
    return tl::unexpected("DPDK does not start: " +
                          (complaint.empty() ? std::string(rte_strerror(error)) : complaint));
}

void stop_eal() {
    // DPDK makes this directory even where it keeps nothing in it, and leaves it behind.
    const std::string directory = rte_eal_get_runtime_dir();
    rte_eal_cleanup();
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
}

tl::expected<rte_mempool*, std::string> make_pool(const std::string& name, unsigned packets,
                                                  unsigned private_bytes, unsigned largest_frame,
                                                  unsigned lcore) {
    // A power of two less one wastes no memory; a cache must divide it well enough to be used
    // whole.
    const unsigned size = std::bit_ceil(packets + 1) - 1;
    constexpr unsigned kCache = 256;
    // Whole KiB, in which ixgbe and igb count their buffers: they would round down and then chain
    // two for a frame. Drivers add a second tag and the checksum to the largest frame.
    constexpr unsigned kGrain = 1024, kMore = 8;
    const unsigned room = std::max<unsigned>(
        RTE_MBUF_DEFAULT_DATAROOM, (largest_frame + kMore + kGrain - 1) / kGrain * kGrain);
    const auto make = [&](int node) {
        return rte_pktmbuf_pool_create(
            name.c_str(), size, kCache, static_cast<std::uint16_t>(private_bytes),
            static_cast<std::uint16_t>(RTE_PKTMBUF_HEADROOM + room), node);
    };
    rte_mempool* pool = make(static_cast<int>(rte_lcore_to_socket_id(lcore)));
    if (pool == nullptr) pool = make(SOCKET_ID_ANY);
    if (pool == nullptr)
        return tl::unexpected("no memory for " + std::to_string(size) + " packet buffers (" +
                              rte_strerror(rte_errno) + "): raise `memory-mib`");
    return pool;
}

}  // namespace portcullis::nic
