#include "dataplane/host/icmp_echo.h"

namespace portcullis::dataplane {

namespace {

constexpr std::uint8_t kTtl = 64;
constexpr std::size_t kEchoHeader = 8;

std::uint32_t checksum_base(const IpAddress& source, const IpAddress& destination,
                            std::size_t bytes) {
    return source.is_v4() ? 0 : pseudo_header_sum(source, destination, kProtocolIcmpv6, bytes);
}

}  // namespace

bool is_echo_request(const IpView& packet) {
    const bool v4 = packet.source.is_v4();
    const auto& icmp = packet.payload;
    if (packet.protocol != (v4 ? kProtocolIcmp : kProtocolIcmpv6) || icmp.size() < kEchoHeader)
        return false;
    if (icmp[0] != (v4 ? 8 : 128) || icmp[1] != 0) return false;
    return internet_checksum(icmp, checksum_base(packet.source, packet.destination, icmp.size())) ==
           0;
}

void append_echo_reply(Frame& frame, const IpView& request) {
    const bool v4 = request.source.is_v4();
    const std::size_t bytes = request.payload.size();
    frame.append_ip(request.destination, request.source, v4 ? kProtocolIcmp : kProtocolIcmpv6,
                    bytes, kTtl);
    std::uint8_t* icmp = frame.append(bytes);
    std::memcpy(icmp, request.payload.data(), bytes);
    icmp[0] = v4 ? 0 : 129;
    write16(icmp + 2, 0);
    write16(icmp + 2, internet_checksum({icmp, bytes},
                                        checksum_base(request.source, request.destination, bytes)));
}

}  // namespace portcullis::dataplane
