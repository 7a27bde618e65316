// What the host functions need of the world around them: main implements it with mbufs and rings,
// tests with vectors. All calls are made on the main thread.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <span>

#include "dataplane/drop_reason.h"
#include "dataplane/packet_note.h"

namespace portcullis::dataplane {

class HostSink {
  public:
    virtual ~HostSink() = default;
    // A packet made here, with these bytes; counted as originated. nullptr when the pool is empty.
    virtual rte_mbuf* make(std::span<const std::uint8_t> frame) = 0;
    // Hands a finished frame to a worker for sending. Takes the packet.
    virtual void transmit(rte_mbuf* frame, Attachment at) = 0;
    // Frees a packet and counts why.
    virtual void discard(rte_mbuf* frame, DropReason reason) = 0;
    // A node's probes say something new (index in the running policy's services and their nodes).
    // When the policy is new, what is known of each of its nodes, new or not.
    virtual void node_changed(std::uint32_t service, std::uint32_t node, bool up) = 0;
};

}  // namespace portcullis::dataplane
