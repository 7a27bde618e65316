// The flows of a measurement and the packets of each: what a client sends, what its node answers,
// and what either must look like once the firewall has translated it.
//
// A flow's other half is learned when it is opened: which node the firewall has chosen, and with
// full NAT the source port that it has drawn.
#pragma once

#include <string>
#include <vector>

#include "perf/traffic/packet.h"
#include "perf/traffic/scenario.h"

namespace portcullis::traffic {

enum class Direction : std::uint8_t { out = 0, back = 1 };  // out: from the client to the node
inline constexpr unsigned index_of(Direction direction) {
    return static_cast<unsigned>(direction);
}

enum class FlowState : std::uint8_t {
    closed,
    seen,  // its first packet has arrived at a node
    open,  // the node's answer has arrived at the client
};

enum class Segment : std::uint8_t { data, syn, ack };  // TCP: how a packet takes part

class Flows {
  public:
    // MAC addresses as the packets of each direction carry them.
    Flows(const Scenario& scenario, const Ethernet& out, const Ethernet& back);

    const Scenario& scenario() const { return scenario_; }
    const Layout& layout() const { return layout_; }
    std::uint32_t size() const { return scenario_.flows; }
    FlowState state(std::uint32_t flow) const { return flows_[flow].state; }
    std::uint32_t open() const { return open_; }

    // Each writes one packet and returns its size. `tag` null: none.
    unsigned write_out(std::uint8_t* frame, std::uint32_t flow, unsigned size, const Tag* tag,
                       Segment segment = Segment::data) const;
    unsigned write_back(std::uint8_t* frame, std::uint32_t flow, unsigned size, const Tag* tag,
                        Segment segment = Segment::data) const;
    unsigned write_fresh(std::uint8_t* frame, std::uint32_t number, unsigned size,
                         const Tag& tag) const;
    unsigned write_denied(std::uint8_t* frame, std::uint32_t random, unsigned size,
                          const Tag& tag) const;

    // TCP without a payload says by its numbers which flow it is of: size() if none.
    std::uint32_t flow_of_syn(const std::uint8_t* frame) const;
    std::uint32_t flow_of_syn_ack(const std::uint8_t* frame) const;

    // The first packet of a flow at its node. Empty, or what is wrong with it.
    std::string learn(std::uint32_t flow, const std::uint8_t* frame, unsigned bytes);
    // The node's first answer has arrived.
    std::string complete(std::uint32_t flow, const std::uint8_t* frame, unsigned bytes);

    // Whether a packet arrived as it should: addresses, ports, checksums. Empty, or what is wrong.
    std::string check(Direction direction, std::uint32_t flow, const std::uint8_t* frame,
                      unsigned bytes) const;
    std::string check_fresh(std::uint32_t number, const std::uint8_t* frame, unsigned bytes) const;

    std::string describe(std::uint32_t flow) const;

  private:
    struct Flow {
        std::uint32_t client = 0;       // raw
        std::uint16_t client_port = 0;  // raw
        std::uint16_t seen_port = 0;    // raw; the source port as the node sees it
        std::uint8_t node = 0;
        FlowState state = FlowState::closed;
    };
    static constexpr unsigned kSegments = 3;

    unsigned end_of(unsigned size, const Tag* tag) const { return tag ? size : layout_.payload; }
    Tuple as_sent(std::uint32_t flow) const;

    Scenario scenario_;
    Layout layout_;
    std::vector<Flow> flows_;
    std::uint32_t open_ = 0;
    std::array<Blueprint, kSegments> out_;
    std::vector<std::array<Blueprint, kSegments>> back_;  // by node
    Blueprint fresh_, denied_;
};

}  // namespace portcullis::traffic
