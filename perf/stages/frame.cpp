#include "perf/stages/frame.h"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace portcullis::perf {

using dataplane::FlowKey;

namespace {

unsigned write_ethernet(std::uint8_t* to, const FlowKey& key,
                        const dataplane::MacAddress& destination) {
    auto& ethernet = *reinterpret_cast<rte_ether_hdr*>(to);
    std::copy(destination.begin(), destination.end(), ethernet.dst_addr.addr_bytes);
    std::fill_n(ethernet.src_addr.addr_bytes, 6, std::uint8_t{0x02});
    const rte_be16_t type = key.source.is_v4() ? RTE_BE16(RTE_ETHER_TYPE_IPV4)  //
                                               : RTE_BE16(RTE_ETHER_TYPE_IPV6);
    const std::uint16_t vlan = dataplane::attachment_of(key.interface).vlan;
    ethernet.ether_type = vlan == 0 ? type : RTE_BE16(RTE_ETHER_TYPE_VLAN);
    if (vlan == 0) return sizeof(rte_ether_hdr);
    auto& tag = *reinterpret_cast<rte_vlan_hdr*>(&ethernet + 1);
    tag.vlan_tci = rte_cpu_to_be_16(vlan);
    tag.eth_proto = type;
    return sizeof(rte_ether_hdr) + sizeof(rte_vlan_hdr);
}

void write_ipv4(std::uint8_t* to, const FlowKey& key, unsigned bytes) {
    rte_ipv4_hdr header{};
    header.version_ihl = RTE_IPV4_VHL_DEF;
    header.total_length = rte_cpu_to_be_16(static_cast<std::uint16_t>(bytes));
    header.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG);
    header.time_to_live = 64;
    header.next_proto_id = key.protocol;
    std::memcpy(to, &header, sizeof header);
    std::memcpy(to + offsetof(rte_ipv4_hdr, src_addr), key.source.bytes().data() + 12, 4);
    std::memcpy(to + offsetof(rte_ipv4_hdr, dst_addr), key.destination.bytes().data() + 12, 4);
    const std::uint16_t checksum = static_cast<std::uint16_t>(~rte_raw_cksum(to, sizeof header));
    std::memcpy(to + offsetof(rte_ipv4_hdr, hdr_checksum), &checksum, sizeof checksum);
}

void write_ipv6(std::uint8_t* to, const FlowKey& key, unsigned bytes) {
    rte_ipv6_hdr header{};
    header.vtc_flow = RTE_BE32(6U << 28);
    header.payload_len = rte_cpu_to_be_16(static_cast<std::uint16_t>(bytes - sizeof header));
    header.proto = key.protocol;
    header.hop_limits = 64;
    std::memcpy(header.src_addr, key.source.bytes().data(), 16);
    std::memcpy(header.dst_addr, key.destination.bytes().data(), 16);
    std::memcpy(to, &header, sizeof header);
}

void write_tcp(std::uint8_t* to, const FlowKey& key, const Segment& segment) {
    rte_tcp_hdr header{};
    header.src_port = rte_cpu_to_be_16(key.source_port);
    header.dst_port = rte_cpu_to_be_16(key.destination_port);
    header.sent_seq = rte_cpu_to_be_32(segment.sequence);
    header.recv_ack = rte_cpu_to_be_32(segment.ack);
    header.data_off = sizeof header / 4 << 4;
    header.tcp_flags = segment.flags;
    header.rx_win = 0xffff;
    std::memcpy(to, &header, sizeof header);
}

void write_udp(std::uint8_t* to, const FlowKey& key, unsigned bytes) {
    rte_udp_hdr header{};
    header.src_port = rte_cpu_to_be_16(key.source_port);
    header.dst_port = rte_cpu_to_be_16(key.destination_port);
    header.dgram_len = rte_cpu_to_be_16(static_cast<std::uint16_t>(bytes));
    std::memcpy(to, &header, sizeof header);
}

}  // namespace

void write_checksum(std::uint8_t* l3) {
    const auto* v4 = reinterpret_cast<const rte_ipv4_hdr*>(l3);
    const auto* v6 = reinterpret_cast<const rte_ipv6_hdr*>(l3);
    const bool is_v4 = v4->version == 4;
    std::uint8_t* l4 = l3 + (is_v4 ? sizeof *v4 : sizeof *v6);
    const std::uint8_t protocol = is_v4 ? v4->next_proto_id : v6->proto;
    std::uint8_t* field = l4 + (protocol == static_cast<std::uint8_t>(policy::Transport::tcp)
                                    ? offsetof(rte_tcp_hdr, cksum)
                                    : offsetof(rte_udp_hdr, dgram_cksum));
    std::memset(field, 0, 2);
    const std::uint16_t sum = is_v4 ? rte_ipv4_udptcp_cksum(v4, l4) : rte_ipv6_udptcp_cksum(v6, l4);
    std::memcpy(field, &sum, sizeof sum);
}

unsigned write_frame(std::uint8_t* to, const FlowKey& key, const dataplane::MacAddress& destination,
                     unsigned bytes, const Segment& segment) {
    const bool v4 = key.source.is_v4();
    const bool tcp = key.protocol == static_cast<std::uint8_t>(policy::Transport::tcp);
    const unsigned l3 = write_ethernet(to, key, destination);
    const unsigned ip_header = v4 ? sizeof(rte_ipv4_hdr) : sizeof(rte_ipv6_hdr);
    const unsigned l4_header = tcp ? sizeof(rte_tcp_hdr) : sizeof(rte_udp_hdr);
    bytes = std::max(bytes, l3 + ip_header + l4_header);
    if (v4)
        write_ipv4(to + l3, key, tcp ? ip_header + l4_header : bytes - l3);
    else
        write_ipv6(to + l3, key, tcp ? ip_header + l4_header : bytes - l3);
    if (tcp)
        write_tcp(to + l3 + ip_header, key, segment);
    else
        write_udp(to + l3 + ip_header, key, bytes - l3 - ip_header);
    write_checksum(to + l3);
    return bytes;
}

}  // namespace portcullis::perf
