#include "control/identify/recognise.h"

#include <algorithm>

#include "rules/inspect/tls_hello.h"

namespace portcullis::control::identify {

namespace {

using policy::ProtocolClass;
using policy::Transport;

// Whether anybody sent anything, captured or not.
bool has_payload(const Flow& flow) {
    return std::any_of(flow.packets.begin(), flow.packets.end(), [](const FlowPacket& packet) {
        return packet.truncated || !packet.payload.empty();
    });
}

Seen what_was_seen(const Flow& flow, const Order& order, const Recognition& recognition) {
    if (!flow.has_start) return Seen::no_start;
    if (!has_payload(flow)) return Seen::no_payload;
    const auto& classes = recognition.classes;
    const auto any = [&](auto&& holds) {
        return std::any_of(classes.begin(), classes.end(), holds);
    };
    if (any([](const auto& entry) { return entry.judgement.passes; })) return Seen::recognised;
    if (any([](const auto& entry) { return entry.judgement.undecided(); }))
        return order.truncated ? Seen::truncated : Seen::undecided;
    if (any([](const auto& entry) {
            return entry.judgement.refused != inspect::Violation::server_first;
        }))
        return Seen::unknown;
    return Seen::server_first;
}

std::string server_name(const Flow& flow, const Order& order) {
    if (flow.transport != Transport::tcp || !flow.has_start) return {};
    const auto hello = inspect::parse_client_hello(order.stream);
    if (hello.state != inspect::TlsHello::State::complete || !hello.has_name()) return {};
    return std::string(hello.name());
}

// Of UDP: that a capture ends before the ACK is nothing to note.
bool awaits_answer(const Flow& flow, const Recognition& recognition) {
    return flow.transport == Transport::udp &&
           std::any_of(recognition.classes.begin(), recognition.classes.end(),
                       [](const auto& entry) { return entry.judgement.unanswered; });
}

std::vector<std::string> notes(const Flow& flow, const Order& order,
                               const Recognition& recognition) {
    std::vector<std::string> notes;
    const auto count = [](std::uint64_t number, std::string_view one, std::string_view many) {
        return std::to_string(number) + " " + std::string(number == 1 ? one : many);
    };
    if (!flow.has_start) notes.emplace_back("its SYN is not in the capture");
    if (order.truncated) notes.emplace_back("truncated: the capture does not hold whole packets");
    if (order.gap && flow.has_start)
        notes.emplace_back("bytes are missing between the captured ones");
    if (order.decoys != 0)
        notes.push_back(count(order.decoys, "packet", "packets") +
                        " with a wrong checksum, which no receiver takes, skipped");
    if (flow.fragments != 0)
        notes.push_back(count(flow.fragments, "first fragment", "first fragments") +
                        " of IP packets skipped");
    if (flow.urgent != 0)
        notes.push_back(count(flow.urgent, "segment", "segments") + " with urgent data skipped");
    if (awaits_answer(flow, recognition))
        notes.emplace_back(
            "no answer follows in the capture: until there is one, all that the initiator sends is "
            "judged");
    return notes;
}

}  // namespace

std::string_view to_string(Seen seen) {
    switch (seen) {
        case Seen::recognised:
            return "recognised";
        case Seen::unknown:
            return "unknown";
        case Seen::undecided:
            return "undecided";
        case Seen::truncated:
            return "truncated";
        case Seen::server_first:
            return "server first";
        case Seen::no_payload:
            return "no payload";
        case Seen::no_start:
            return "no start";
    }
    return "unknown";
}

Recognition recognise(Judge& judge, const Flow& flow, const Order& order, ProtocolClass only) {
    Recognition recognition;
    for (std::size_t i = 0; i < classes().size(); ++i) {
        const auto protocol = classes()[i];
        if (policy::is_stream(protocol) != (flow.transport == Transport::tcp)) continue;
        if (only != ProtocolClass::none && only != protocol) continue;
        recognition.classes.push_back({protocol, judge.judge(i, flow, order)});
    }
    recognition.seen = what_was_seen(flow, order, recognition);
    if (recognition.seen == Seen::recognised)
        recognition.protocol =
            std::find_if(recognition.classes.begin(), recognition.classes.end(),
                         [](const auto& entry) { return entry.judgement.passes; })
                ->protocol;
    recognition.server_name = server_name(flow, order);
    recognition.notes = notes(flow, order, recognition);
    return recognition;
}

}  // namespace portcullis::control::identify
