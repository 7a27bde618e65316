// From an entry of dataplane.conf to a DPDK port, and the sentence for what an operator gets wrong.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>

namespace portcullis::nic {

struct DeviceConfig;

// Main, after start_eal(). The error has no "device NAME: " in front.
tl::expected<std::uint16_t, std::string> probe(const DeviceConfig& config, unsigned workers);

// DPDK's own last complaint, else what the error number means.
std::string complaint_or(int error);

}  // namespace portcullis::nic
