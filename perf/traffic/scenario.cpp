#include "perf/traffic/scenario.h"

#include <algorithm>

namespace portcullis::traffic {

Clients::Clients(const Prefix& prefix, PortRange ports)
    : network_(prefix.address()),
      base_(raw32(low_bits(prefix.address()))),
      ports_(static_cast<std::uint32_t>(ports.last - ports.first) + 1),
      first_port_(ports.first) {
    const unsigned bits = (prefix.family() == Family::ipv4 ? 32 : 128) - prefix.length();
    shift_ = std::min(bits, 24U);
    addresses_ = 1U << shift_;
}

Endpoint Clients::endpoint(std::uint32_t number) const {
    std::array<std::uint8_t, 16> bytes = network_.bytes();
    const std::uint32_t low = address(number);
    std::memcpy(bytes.data() + 12, &low, 4);
    return {IpAddress::from_bytes(bytes), raw16(port(number))};
}

}  // namespace portcullis::traffic
