#include "tests/eal/replay/recording.h"

#include <algorithm>
#include <set>

#include "control/identify/capture.h"

namespace portcullis::dataplane::test {

namespace {

using control::identify::Capture;
using control::identify::Dissected;
using control::identify::Flows;

struct Seen {
    bool broken = false;  // its checksum is wrong
    RecordedPacket packet;
};

// Points `packet` into `whole`.
void complete(Dissected& packet, std::vector<std::uint8_t>& whole) {
    const std::size_t missing = packet.length - packet.payload.size();
    whole.assign(packet.segment.begin(), packet.segment.end());
    whole.resize(whole.size() + missing);
    packet.segment = whole;
    packet.payload = packet.segment.last(packet.length);
    packet.checksum = Dissected::Checksum::unknown;
}

// TCP options may be cut too: then there is no header to send again.
bool has_header(const Dissected& packet) {
    const auto& bytes = packet.segment;
    if (packet.transport == policy::Transport::udp) return bytes.size() >= 8;
    return bytes.size() >= 20 && bytes.size() - packet.payload.size() >= (bytes[12] >> 4) * 4U;
}

// The sum of the addresses, protocol and length, as a host leaves it to its NIC to be finished (RFC
// 1071, not complemented).
bool is_left_to_nic(const Dissected& packet) {
    std::uint32_t sum = static_cast<std::uint32_t>(packet.transport) +
                        static_cast<std::uint32_t>(packet.segment.size());
    for (const auto* end : {&packet.source, &packet.destination}) {
        const auto& bytes = end->address.bytes();
        for (std::size_t i = end->address.is_v4() ? 12 : 0; i < bytes.size(); i += 2)
            sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    }
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    const std::size_t at = packet.transport == policy::Transport::tcp ? 16 : 6;
    return sum == static_cast<std::uint32_t>(packet.segment[at] << 8 | packet.segment[at + 1]);
}

RecordedFlow record(const control::identify::Flow& flow, std::vector<Seen>& sent) {
    RecordedFlow recorded;
    recorded.flow = flow;
    recorded.order = order_of(flow);
    std::set<std::uint64_t> looked_at;
    for (auto& step : recorded.order.steps) {
        looked_at.insert(flow.packets[step.packet].number);
        step.milliseconds = 0;
    }
    // Whoever leaves the sums of payload to the NIC does so with all that is behind the SYN.
    bool unfinished[2] = {!flow.sums_right[0], !flow.sums_right[1]};
    for (const auto& [broken, packet] : sent)
        if (broken && looked_at.contains(packet.number)) unfinished[packet.from_initiator] = true;
    for (auto& [broken, packet] : sent) {
        packet.decoy = broken && !unfinished[packet.from_initiator];
        recorded.packets.push_back(std::move(packet));
    }
    return recorded;
}

}  // namespace

Recording read_recording(const std::string& file) {
    Recording recording;
    auto capture = Capture::open(file);
    if (!capture) {
        recording.error = capture.error();
        return recording;
    }
    Flows flows;
    std::vector<std::vector<Seen>> sent;
    std::vector<std::uint8_t> whole;
    while (const auto captured = capture->next()) {
        auto packet = dissect(capture->link(), *captured);
        const bool payload = packet.kind == Dissected::Kind::payload;
        if (!payload && !(packet.kind == Dissected::Kind::fragment && packet.has_ends)) continue;
        if (payload && packet.truncated()) {
            if (!has_header(packet)) continue;
            complete(packet, whole);
        }
        const std::size_t flow = flows.add(*captured, packet);
        sent.resize(flows.flows().size());
        if (!payload) continue;
        Seen made;
        made.broken = packet.checksum == Dissected::Checksum::wrong &&
                      !(packet.payload.empty() && is_left_to_nic(packet));
        made.packet.number = captured->number;
        made.packet.from_initiator = packet.source == flows.flows()[flow].initiator;
        made.packet.segment.assign(packet.segment.begin(), packet.segment.end());
        sent[flow].push_back(std::move(made));
    }
    recording.error = capture->error();
    for (std::size_t i = 0; i < sent.size(); ++i)
        recording.flows.push_back(record(flows.flows()[i], sent[i]));
    return recording;
}

}  // namespace portcullis::dataplane::test
