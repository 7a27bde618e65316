// inspect: the first payload of sessions that are held to a protocol, in mode enforce. Sessions that are
// judged do not come here at all: "judged" is what the stage costs a burst without any.
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include <cstring>

#include "perf/stages/frame.h"
#include "perf/stages/scene.h"
#include "rules/signatures/compile.h"
#include "tests/support/first_bytes.h"

namespace portcullis::perf {
namespace {

using dataplane::FlowKey;
using dataplane::kBurstSize;
using policy::Family;
using policy::NatKind;
using policy::ProtocolClass;

constexpr unsigned kUdpHeaders = 14 + 20 + 8, kTcpHeaders = 14 + 20 + 20;
constexpr std::uint32_t kFirstByte = 1001;  // as Scene counts
constexpr std::uint8_t kData = dataplane::kTcpAck | dataplane::kTcpPsh;
using test::Bytes;

// The rules that client_key() talks to.
void hold(policy::Policy& policy, std::string_view rule, ProtocolClass protocol) {
    policy::Conformance service;
    service.name = rule;
    service.protocol = protocol;
    service.mode = policy::ConformanceMode::enforce;
    service.stream = policy::is_stream(protocol);
    service.database = static_cast<std::uint32_t>(policy.databases.size());
    policy.databases.push_back(must(signatures::compile(protocol)));
    for (policy::Rule& each : policy.rules)
        if (each.id == rule)
            each.conformance = static_cast<std::uint32_t>(policy.conformance.size());
    policy.conformance.push_back(service);
}

policy::Policy inspected() {
    policy::Policy policy = policy_of(64);
    hold(policy, "access-443/tcp", ProtocolClass::sip_tls);
    hold(policy, "av-3478/udp", ProtocolClass::turn_udp);
    hold(policy, "direct", ProtocolClass::dns_udp);
    return policy;
}

void write_checksum_of(rte_mbuf& packet) {
    write_checksum(rte_pktmbuf_mtod_offset(&packet, std::uint8_t*, sizeof(rte_ether_hdr)));
}

// The packets of the burst that is loaded end with these bytes.
void fill(Scene& scene, std::span<const std::uint8_t> payload) {
    for (rte_mbuf* packet : scene.burst().mbuf) {
        std::memcpy(
            rte_pktmbuf_mtod_offset(packet, std::uint8_t*, packet->data_len - payload.size()),
            payload.data(), payload.size());
        write_checksum_of(*packet);
    }
}

// A TCP frame of the scene's is a bare acknowledgement: gives it a payload.
void carry(rte_mbuf& packet, std::size_t payload, std::uint32_t sequence) {
    auto& ip = *rte_pktmbuf_mtod_offset(&packet, rte_ipv4_hdr*, sizeof(rte_ether_hdr));
    auto& tcp = *rte_pktmbuf_mtod_offset(&packet, rte_tcp_hdr*, kTcpHeaders - sizeof(rte_tcp_hdr));
    ip.total_length = rte_cpu_to_be_16(
        static_cast<std::uint16_t>(sizeof(rte_ipv4_hdr) + sizeof(rte_tcp_hdr) + payload));
    ip.hdr_checksum = 0;
    ip.hdr_checksum = rte_ipv4_cksum(&ip);
    tcp.sent_seq = rte_cpu_to_be_32(sequence);
    write_checksum_of(packet);
}

void end_all(Scene& scene) {
    for (std::uint32_t slot = 0; slot < scene.sessions().slots(); ++slot)
        scene.sessions().end(scene.sessions().at(slot), scene.context().now);
}

std::uint64_t matched(const Scene& scene) {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < 3; ++i) sum += scene.conformance().total(i).matched;
    return sum;
}

// One datagram from each of 64 clients.
void datagrams(benchmark::State& state, NatKind nat, const Bytes& payload) {
    Scene scene(1024, inspected());
    std::vector<FlowKey> fresh(kBurstSize);
    std::uint32_t client = 0;
    Meter meter(state, "packet");
    while (meter.keep_running()) {
        for (FlowKey& key : fresh) key = client_key({nat, Family::ipv4}, client++ % 0xff0000);
        scene.load(fresh, kUdpHeaders + static_cast<unsigned>(payload.size()));
        fill(scene, payload);
        scene.run_before("inspect");
        const std::uint64_t before = matched(scene);
        meter.time(kBurstSize, [&] { scene.run("inspect"); });
        must(matched(scene) - before == kBurstSize, "a datagram was not recognised");
        end_all(scene);
        scene.advance(1);
    }
}
BENCHMARK_CAPTURE(datagrams, stun, NatKind::dnat, test::stun_request())
    ->Name("inspect/stun")
    ->UseManualTime();
BENCHMARK_CAPTURE(datagrams, dns, NatKind::none, test::dns_query())
    ->Name("inspect/dns")
    ->UseManualTime();

// A ClientHello from each of 64 clients, in pieces of so many bytes; 0: in one.
void hellos(benchmark::State& state, std::size_t bytes) {
    Scene scene(1024, inspected());
    const Service service{NatKind::full, Family::ipv4};
    const Bytes hello = test::client_hello();
    const std::size_t piece = bytes == 0 ? hello.size() : bytes;
    Meter meter(state, "packet");
    while (meter.keep_running()) {
        (void)scene.establish(service, kBurstSize);
        std::vector<FlowKey> clients;
        for (std::uint32_t i = 0; i < kBurstSize; ++i) clients.push_back(client_key(service, i));
        const std::uint64_t before = matched(scene);
        for (std::size_t at = 0; at < hello.size(); at += piece) {
            const auto part = std::span(hello).subspan(at, std::min(piece, hello.size() - at));
            scene.load(clients, kTcpHeaders + static_cast<unsigned>(part.size()), kData);
            fill(scene, part);
            for (rte_mbuf* packet : scene.burst().mbuf)
                carry(*packet, part.size(), kFirstByte + static_cast<std::uint32_t>(at));
            scene.run_before("inspect");
            meter.time(kBurstSize, [&] { scene.run("inspect"); });
            must(std::popcount(scene.burst().live) == kBurstSize, "a segment was dropped");
        }
        must(matched(scene) - before == kBurstSize, "a hello was not recognised");
        end_all(scene);
        scene.advance(1);
    }
}
BENCHMARK_CAPTURE(hellos, one_segment, 0)->Name("inspect/hello/one-segment")->UseManualTime();
BENCHMARK_CAPTURE(hellos, bytes, 1)->Name("inspect/hello/byte-by-byte")->UseManualTime();

void judged(benchmark::State& state) {
    Scene scene(1024);
    Rotation traffic(scene.establish({NatKind::full, Family::ipv4}, 512));
    Meter meter(state, "packet");
    while (meter.keep_running()) {
        scene.load(traffic.next());
        scene.run_before("inspect");
        must(scene.burst().undecided == 0, "a judged session was asked about");
        meter.time(kBurstSize, [&] { scene.run("inspect"); });
    }
}
BENCHMARK(judged)->Name("inspect/judged")->UseManualTime();

}  // namespace
}  // namespace portcullis::perf
