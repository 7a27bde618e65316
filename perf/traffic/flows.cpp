#include "perf/traffic/flows.h"

#include <algorithm>

namespace portcullis::traffic {
namespace {

// Flow n's client starts at sequence kFirstSequence + n; every node at kNodeSequence. Both ends
// always send the first bytes after their SYN: to the firewall that is data sent again, in the
// window of the connection for as long as we like.
constexpr std::uint32_t kFirstSequence = 0x10000000, kNodeSequence = 0x60000000;

std::string mismatch(const Tuple& arrived, const Tuple& expected) {
    return "arrived as " + arrived.to_string() + " instead of " + expected.to_string();
}

}  // namespace

Flows::Flows(const Scenario& scenario, const Ethernet& out, const Ethernet& back)
    : scenario_(scenario),
      layout_(scenario.family(), scenario.protocol),
      flows_(scenario.flows),
      back_(scenario.nodes.size()) {
    for (std::uint32_t i = 0; i < scenario_.flows; ++i) {
        flows_[i].client = scenario_.clients.address(i);
        flows_[i].client_port = scenario_.clients.port(i);
    }
    const std::uint8_t out_flags[kSegments] = {kPush | kAck, kSyn, kAck};
    const std::uint8_t back_flags[kSegments] = {kPush | kAck, kSyn | kAck, kAck};
    const Endpoint client = scenario_.clients.endpoint(0);
    for (unsigned s = 0; s < kSegments; ++s) {
        const bool syn = s == static_cast<unsigned>(Segment::syn);
        out_[s] = make_blueprint(layout_, out, {client, scenario_.service}, Varies::source,
                                 out_flags[s], syn ? 0 : kNodeSequence + 1);
        for (std::size_t node = 0; node < back_.size(); ++node) {
            const Endpoint from{scenario_.nodes[node], scenario_.service.port};
            const Endpoint to =
                scenario_.nat == Nat::full ? Endpoint{scenario_.service.address, 0} : client;
            back_[node][s] = make_blueprint(layout_, back, {from, to}, Varies::destination,
                                            back_flags[s], kNodeSequence + (syn ? 0 : 1));
        }
    }
    fresh_ = make_blueprint(layout_, out, {scenario_.fresh_clients.endpoint(0), scenario_.service},
                            Varies::source, kSyn, 0);
    denied_ = make_blueprint(layout_, out, {scenario_.denied_clients.endpoint(0), scenario_.denied},
                             Varies::source, kSyn, 0);
}

unsigned Flows::write_out(std::uint8_t* frame, std::uint32_t flow, unsigned size, const Tag* tag,
                          Segment segment) const {
    const Flow& of = flows_[flow];
    const std::uint32_t number = kFirstSequence + flow + (segment == Segment::syn ? 0 : 1);
    size = end_of(size, tag);
    write_packet(frame, layout_, out_[static_cast<unsigned>(segment)],
                 {of.client, number, of.client_port}, size, tag);
    return size;
}

unsigned Flows::write_back(std::uint8_t* frame, std::uint32_t flow, unsigned size, const Tag* tag,
                           Segment segment) const {
    const Flow& of = flows_[flow];
    const bool full = scenario_.nat == Nat::full;
    const std::uint32_t to = full ? low_bits(scenario_.service.address) : of.client;
    size = end_of(size, tag);
    write_packet(frame, layout_, back_[of.node][static_cast<unsigned>(segment)],
                 {to, kFirstSequence + flow + 1, of.seen_port}, size, tag);
    return size;
}

unsigned Flows::write_fresh(std::uint8_t* frame, std::uint32_t number, unsigned size,
                            const Tag& tag) const {
    const Clients& clients = scenario_.fresh_clients;
    write_packet(frame, layout_, fresh_, {clients.address(number), number, clients.port(number)},
                 size, &tag);
    return size;
}

unsigned Flows::write_denied(std::uint8_t* frame, std::uint32_t random, unsigned size,
                             const Tag& tag) const {
    const Clients& clients = scenario_.denied_clients;
    write_packet(frame, layout_, denied_, {clients.address(random), random, clients.port(~random)},
                 size, &tag);
    return size;
}

std::uint32_t Flows::flow_of_syn(const std::uint8_t* frame) const {
    return std::min(load32(frame + layout_.l4 + 4) - kFirstSequence, size());
}

std::uint32_t Flows::flow_of_syn_ack(const std::uint8_t* frame) const {
    return std::min(load32(frame + layout_.l4 + 8) - kFirstSequence - 1, size());
}

Tuple Flows::as_sent(std::uint32_t flow) const {
    return {scenario_.clients.endpoint(flow), scenario_.service};
}

std::string Flows::learn(std::uint32_t flow, const std::uint8_t* frame, unsigned bytes) {
    const auto arrived = read_tuple(layout_, frame, bytes);
    if (!arrived) return "cut short on its way";
    const auto node = std::ranges::find(scenario_.nodes, arrived->destination.address);
    if (node == scenario_.nodes.end()) return "arrived at no node: " + arrived->to_string();
    Flow& of = flows_[flow];
    // Sent again: the firewall must have kept its choice.
    const auto chosen = static_cast<std::uint8_t>(node - scenario_.nodes.begin());
    const std::uint16_t port = raw16(arrived->source.port);
    if (of.state != FlowState::closed && (of.node != chosen || of.seen_port != port))
        return "arrived as " + arrived->to_string() + ", differently than before";
    of.node = chosen;
    of.seen_port = port;
    std::string wrong = check(Direction::out, flow, frame, bytes);
    if (wrong.empty() && of.state == FlowState::closed) of.state = FlowState::seen;
    return wrong;
}

std::string Flows::complete(std::uint32_t flow, const std::uint8_t* frame, unsigned bytes) {
    std::string wrong = check(Direction::back, flow, frame, bytes);
    Flow& of = flows_[flow];
    if (wrong.empty() && of.state == FlowState::seen) {
        of.state = FlowState::open;
        ++open_;
    }
    return wrong;
}

std::string Flows::check(Direction direction, std::uint32_t flow, const std::uint8_t* frame,
                         unsigned bytes) const {
    const Flow& of = flows_[flow];
    Tuple expected = as_sent(flow);
    if (direction == Direction::back) {
        std::swap(expected.source, expected.destination);
    } else {
        expected.destination.address = scenario_.nodes[of.node];
        if (scenario_.nat == Nat::full)
            expected.source = {scenario_.service.address, raw16(of.seen_port)};
    }
    const auto arrived = read_tuple(layout_, frame, bytes);
    if (!arrived) return "cut short on its way";
    if (!(*arrived == expected)) return mismatch(*arrived, expected);
    if (!checksums_good(layout_, frame, bytes))
        return "arrived with a wrong checksum: " + arrived->to_string();
    return {};
}

std::string Flows::check_fresh(std::uint32_t number, const std::uint8_t* frame,
                               unsigned bytes) const {
    const auto arrived = read_tuple(layout_, frame, bytes);
    if (!arrived) return "cut short on its way";
    Tuple expected{scenario_.fresh_clients.endpoint(number), scenario_.service};
    if (std::ranges::find(scenario_.nodes, arrived->destination.address) == scenario_.nodes.end())
        return "arrived at no node: " + arrived->to_string();
    expected.destination.address = arrived->destination.address;
    // Which port the firewall has drawn nobody knows.
    if (scenario_.nat == Nat::full)
        expected.source = {scenario_.service.address, arrived->source.port};
    if (!(*arrived == expected)) return mismatch(*arrived, expected);
    if (!checksums_good(layout_, frame, bytes))
        return "arrived with a wrong checksum: " + arrived->to_string();
    return {};
}

std::string Flows::describe(std::uint32_t flow) const {
    const char* const words[] = {"nothing has arrived at a node",
                                 "the node's answer has not arrived", "open"};
    return as_sent(flow).to_string() + " (" + words[static_cast<unsigned>(flows_[flow].state)] +
           ")";
}

}  // namespace portcullis::traffic
