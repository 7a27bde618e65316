#include "tests/eal/conversation.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "rules/signatures/compile.h"

namespace portcullis::dataplane::test {

namespace {

std::uint16_t next_port() {
    static std::uint16_t next = 20000;
    return next++;
}

void hold(policy::Policy& policy, std::uint32_t rule, const char* name,
          policy::ProtocolClass protocol, ConformanceMode mode) {
    policy::Conformance service;
    service.name = name;
    service.protocol = protocol;
    service.mode = mode;
    service.stream = policy::is_stream(protocol);
    if (mode != ConformanceMode::off) {
        auto database = signatures::compile(protocol);
        if (!database) throw std::runtime_error(database.error());
        service.database = static_cast<std::uint32_t>(policy.databases.size());
        policy.databases.push_back(std::move(*database));
    }
    policy.rules[rule].conformance = static_cast<std::uint32_t>(policy.conformance.size());
    policy.conformance.push_back(std::move(service));
}

}  // namespace

RigOptions settled() {
    RigOptions options;
    options.already_running = 200'000;
    return options;
}

policy::Policy held_to(ConformanceMode mode) {
    policy::Policy policy = ::portcullis::test::small_policy();
    hold(policy, 0, "access-443", policy::ProtocolClass::sip_tls, mode);
    hold(policy, 2, "av-3478", policy::ProtocolClass::turn_udp, mode);
    return policy;
}

Bytes slice(const Bytes& bytes, std::size_t from, std::size_t to) {
    return {bytes.begin() + static_cast<std::ptrdiff_t>(from),
            bytes.begin() + static_cast<std::ptrdiff_t>(std::min(to, bytes.size()))};
}

TestPacket with_payload(const IpAddress& source, const IpAddress& destination,
                        std::uint16_t source_port, std::uint16_t destination_port,
                        const TcpFields& tcp, const Bytes& payload) {
    TcpFields fields = tcp;
    fields.payload = static_cast<std::uint16_t>(payload.size());
    TestPacket packet = make_tcp(source, destination, source_port, destination_port, fields);
    std::copy(payload.begin(), payload.end(),
              packet.bytes.end() - static_cast<std::ptrdiff_t>(payload.size()));
    packet.finish();
    return packet;
}

Conversation::Conversation(Rig& rig, std::uint16_t port, const Bytes& in_syn)
    : rig_(&rig), port_(port == 0 ? next_port() : port) {
    TcpFields tcp;
    tcp.flags = kSyn;
    tcp.sequence = kClientIsn;
    rig.from_wan(with_payload(kClient, kAccessVip, port_, 443, tcp, in_syn));
    rig.pump();
    const Sent syn = rig.one_sent(kDmz);
    node_ = syn.to();
    drawn_ = static_cast<std::uint16_t>(syn.source_port());
    client_said_ = static_cast<std::uint32_t>(in_syn.size());

    tcp.flags = kSynAck;
    tcp.sequence = kNodeIsn;
    tcp.ack = kClientIsn + 1 + client_said_;
    rig.from_dmz(make_tcp(node_, kAccessVip, 443, drawn_, tcp));
    rig.pump();
    (void)rig.one_sent(kWan);
    send_from_client(client_said_, {});
    (void)rig.one_sent(kDmz);
}

void Conversation::queue_from_client(std::uint32_t offset, const Bytes& payload,
                                     std::uint8_t flags) {
    TcpFields tcp;
    tcp.flags = static_cast<std::uint8_t>(kAckOnly | flags);
    tcp.sequence = kClientIsn + 1 + offset;
    tcp.ack = kNodeIsn + 1 + node_said_;
    rig_->from_wan(with_payload(kClient, kAccessVip, port_, 443, tcp, payload));
}

void Conversation::queue_from_node(const Bytes& payload) {
    TcpFields tcp;
    tcp.flags = kAckOnly;
    tcp.sequence = kNodeIsn + 1 + node_said_;
    tcp.ack = kClientIsn + 1 + client_said_;
    rig_->from_dmz(with_payload(node_, kAccessVip, 443, drawn_, tcp, payload));
}

void Conversation::send_from_client(std::uint32_t offset, const Bytes& payload,
                                    std::uint8_t flags) {
    queue_from_client(offset, payload, flags);
    rig_->pump();
}

void Conversation::send_from_node(const Bytes& payload) {
    queue_from_node(payload);
    rig_->pump();
}

Sent Conversation::client_says(const Bytes& payload, std::uint8_t flags) {
    send_from_client(client_said_, payload, flags);
    client_said_ += static_cast<std::uint32_t>(payload.size());
    return rig_->one_sent(kDmz);
}

Sent Conversation::client_says_at(std::uint32_t offset, const Bytes& payload) {
    send_from_client(offset, payload);
    return rig_->one_sent(kDmz);
}

Sent Conversation::node_says(const Bytes& payload) {
    send_from_node(payload);
    node_said_ += static_cast<std::uint32_t>(payload.size());
    return rig_->one_sent(kWan);
}

void Conversation::node_acknowledges() {
    send_from_node({});
    (void)rig_->one_sent(kWan);
}

Session& Conversation::session() {
    FlowKey key;
    key.source = kClient;
    key.destination = kAccessVip;
    key.source_port = port_;
    key.destination_port = 443;
    key.interface = wire_id({kWan, 0});
    key.protocol = 6;
    Session* session = rig_->worker(0).sessions().find(key).session;
    if (session == nullptr) throw std::runtime_error("the conversation has no session");
    return *session;
}

}  // namespace portcullis::dataplane::test
