#include "control/identify/flows.h"

#include <algorithm>

namespace portcullis::control::identify {

namespace {

constexpr std::uint64_t kNanosecondsInAMillisecond = 1'000'000;

bool is_syn(const Dissected& packet) {
    return packet.transport == policy::Transport::tcp && (packet.flags & (kSyn | kAck)) == kSyn;
}
bool is_syn_ack(const Dissected& packet) {
    return packet.transport == policy::Transport::tcp &&
           (packet.flags & (kSyn | kAck)) == (kSyn | kAck);
}

}  // namespace

Flows::Course Flows::begin(const CapturedPacket& captured, const Dissected& packet) {
    Flow flow;
    flow.first_packet = captured.number;
    flow.transport = packet.transport;
    flow.initiator = packet.source;
    flow.responder = packet.destination;
    flow.has_start = packet.transport == policy::Transport::udp || is_syn(packet);
    Course course;
    course.flow = flows_.size();
    course.began = captured.nanoseconds;
    if (is_syn(packet)) {
        flow.first_sequence = packet.sequence + 1;
        course.syn_sequence = packet.sequence;
    }
    if (is_syn_ack(packet)) {
        std::swap(flow.initiator, flow.responder);
        flow.has_start = true;
        flow.first_sequence = packet.ack;
        course.syn_sequence = packet.ack - 1;
    }
    flows_.push_back(std::move(flow));
    return course;
}

// A SYN sent again is of the same flow; one that nobody could mean by it is not.
bool Flows::begins_another(const Course& course, const Flow& flow, const Dissected& packet) {
    if (!is_syn(packet)) return false;
    if (!flow.has_start) return true;
    const bool again = packet.source == flow.initiator && packet.sequence == course.syn_sequence;
    return !again && (course.ended || !course.answered);
}

Flows::Course& Flows::course_of(const CapturedPacket& captured, const Dissected& packet) {
    const auto [low, high] = std::minmax(packet.source, packet.destination);
    const Key key{packet.transport, low, high};
    const auto found = courses_.find(key);
    if (found == courses_.end()) return courses_[key] = begin(captured, packet);
    auto& course = found->second;
    if (begins_another(course, flows_[course.flow], packet)) course = begin(captured, packet);
    return course;
}

bool Flows::tells_something(Course& course, const Dissected& packet, bool from_initiator) {
    // The data of a RST is no part of the stream.
    if (packet.length != 0) return (packet.flags & kRst) == 0;
    if (from_initiator || (packet.flags & kAck) == 0 || packet.ack == course.acked) return false;
    course.acked = packet.ack;
    return true;
}

std::size_t Flows::add(const CapturedPacket& captured, const Dissected& packet) {
    auto& course = course_of(captured, packet);
    const std::size_t index = course.flow;
    auto& flow = flows_[index];
    if (packet.kind == Dissected::Kind::fragment) {
        ++flow.fragments;
        return index;
    }
    const bool from_initiator = packet.source == flow.initiator;
    if (packet.checksum == Dissected::Checksum::right &&
        (packet.length != 0 || (packet.flags & kSyn) != 0))
        flow.sums_right[from_initiator ? 1 : 0] = true;
    if (packet.length != 0 && (packet.flags & kUrg) != 0) {
        ++flow.urgent;
        return index;
    }
    course.answered |= !from_initiator;
    course.ended |= (packet.flags & (kFin | kRst)) != 0;

    if (!flow.whole || !tells_something(course, packet, from_initiator)) return index;
    auto& bytes = course.bytes[from_initiator ? 1 : 0];
    if (flow.packets.size() >= kMostPackets || bytes + packet.payload.size() > kMostBytes) {
        flow.whole = false;
        return index;
    }
    bytes += packet.payload.size();
    FlowPacket kept;
    kept.number = captured.number;
    kept.from_initiator = from_initiator;
    // A capture's clock may go back.
    if (captured.nanoseconds > course.began)
        kept.milliseconds = (captured.nanoseconds - course.began) / kNanosecondsInAMillisecond;
    kept.sequence = packet.sequence + ((packet.flags & kSyn) != 0 ? 1 : 0);
    kept.ack = packet.ack;
    kept.has_ack = (packet.flags & kAck) != 0;
    kept.truncated = packet.truncated();
    kept.broken = packet.checksum == Dissected::Checksum::wrong;
    kept.payload.assign(packet.payload.begin(), packet.payload.end());
    flow.packets.push_back(std::move(kept));
    return index;
}

}  // namespace portcullis::control::identify
