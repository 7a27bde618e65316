// The packets of a capture, sorted into flows: bidirectional, from one end's first packet on.
//
// Who began a TCP flow is known by its SYN, or by the answer to it. A SYN on a flow that has ended, or
// that nobody has answered, begins another. Of each flow its first packets are kept, which is all that
// anybody looks at.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "control/identify/dissect.h"

namespace portcullis::control::identify {

struct FlowPacket {
    std::uint64_t number = 0;  // in the capture
    bool from_initiator = true;
    std::uint64_t milliseconds = 0;  // since the flow began
    std::uint32_t sequence = 0;      // of the first payload byte
    std::uint32_t ack = 0;
    bool has_ack = false;
    bool truncated = false;  // `payload` is not all of it
    bool broken = false;     // its checksum is wrong
    std::vector<std::uint8_t> payload;
};

struct Flow {
    std::uint64_t first_packet = 0;  // its number in the capture
    policy::Transport transport = policy::Transport::tcp;
    Endpoint initiator;  // without a start: who was seen first
    Endpoint responder;
    bool has_start = false;            // UDP: always
    std::uint32_t first_sequence = 0;  // TCP: of the initiator's first byte
    std::uint64_t fragments = 0;       // skipped
    std::uint64_t urgent = 0;          // TCP payload that ends may read differently: skipped
    // Of what each end has sent (0: responder), something had a right checksum: so those that are
    // wrong were not merely left to its NIC.
    bool sums_right[2] = {false, false};
    bool whole = true;  // no packet was left out because there were too many
    std::vector<FlowPacket> packets;
};

class Flows {
  public:
    // What is kept of each flow: more than the inspector ever looks at, even where each byte comes by
    // itself. What an end sends without payload, and without acknowledging anything, is not.
    static constexpr std::size_t kMostPackets = 40'000;
    static constexpr std::size_t kMostBytes = 48 << 10;  // of payload, each way

    // Which of flows() it is of.
    std::size_t add(const CapturedPacket& captured, const Dissected& packet);
    const std::deque<Flow>& flows() const { return flows_; }

  private:
    struct Key {
        policy::Transport transport;
        Endpoint low, high;
        friend auto operator<=>(const Key&, const Key&) = default;
    };
    // What is known of a flow beyond what is shown of it.
    struct Course {
        std::size_t flow = 0;  // index in flows_
        std::uint64_t began = 0;
        std::uint32_t syn_sequence = 0;
        bool answered = false;
        bool ended = false;
        std::uint32_t acked = 0;        // by the responder, as last kept
        std::size_t bytes[2] = {0, 0};  // kept, by responder and by initiator
    };

    Course& course_of(const CapturedPacket& captured, const Dissected& packet);
    Course begin(const CapturedPacket& captured, const Dissected& packet);
    static bool tells_something(Course& course, const Dissected& packet, bool from_initiator);
    static bool begins_another(const Course& course, const Flow& flow, const Dissected& packet);

    std::deque<Flow> flows_;
    std::map<Key, Course> courses_;
};

}  // namespace portcullis::control::identify
