#include "dataplane/nat/transport_checksum.h"

#include "dataplane/nat/checksum.h"
#include "dataplane/nat/headers.h"

namespace portcullis::dataplane {

using namespace nat;

std::uint16_t transport_checksum(const std::uint8_t* ip, Family family, std::uint8_t protocol,
                                 const std::uint8_t* l4, std::size_t l4_bytes) {
    std::uint64_t sum = sum_bytes(l4, l4_bytes);
    if (covers_addresses(protocol)) {
        const AddressFields fields = address_fields(family);
        sum += sum_bytes(ip + fields.source, 2 * fields.bytes);  // the destination follows
        std::uint8_t tail[4];
        store_be16(tail, static_cast<std::uint16_t>(l4_bytes));
        store_be16(tail + 2, protocol);
        sum += sum_bytes(tail, sizeof(tail));
    }
    return finish_checksum(sum);
}

bool transport_checksum_is_right(const PacketView& packet) {
    constexpr std::uint8_t kUdp = 17;
    const std::uint8_t* l4 = packet.l4();
    if (packet.protocol == kUdp && packet.family == Family::ipv4 && load_word(l4 + 6) == 0)
        return true;
    return transport_checksum(packet.l3, packet.family, packet.protocol, l4, packet.l4_bytes()) ==
           0;
}

}  // namespace portcullis::dataplane
