// What this machine offers, asked of /proc and /sys before DPDK is: its own complaints name neither
// the setting that is wrong nor what to do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace portcullis::nic {

// Cores this process may run on, ascending.
std::vector<unsigned> usable_cores();

// A process other than this one that spins on `core`: one of its threads is bound to that core
// alone and is running. "portcullis-dataplane (pid 4711)"; nullopt if there is none.
std::optional<std::string> busy_with(unsigned core);

// Free huge pages of all sizes and NUMA nodes.
std::uint64_t free_huge_mib();

bool interface_exists(const std::string& name);

// The kernel driver a PCI device ("0000:3b:00.0") is bound to, "" for none; nullopt if there is no
// such device.
std::optional<std::string> pci_driver(const std::string& address);

}  // namespace portcullis::nic
