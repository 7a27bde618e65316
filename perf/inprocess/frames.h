// The frames of numbered flows, written in a few cycles: a template for each kind of packet holds
// everything but the client's address and ports, and the checksums without them.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "perf/inprocess/world.h"

namespace portcullis::perf {

// Of a flow, as it is opened and used.
enum class Kind : std::uint8_t {
    open,       // UDP: a datagram; TCP: SYN
    answer,     // UDP: a datagram back; TCP: SYN-ACK
    complete,   // TCP: the ACK of the handshake; UDP: not used
    request,    // steady traffic from the client
    reply,      // steady traffic from the node
    forbidden,  // to a port that no rule opens
};
inline constexpr unsigned kKinds = 6;

class Frames {
  public:
    explicit Frames(const Options& options);

    // The shape of what the node sends back, as the session has it: called once a flow, before any
    // answer or reply is written.
    void learn(std::uint32_t flow, const dataplane::FlowKey& responder);

    // `frame` has room for bytes(). Returns how long the frame is; nothing behind the headers is
    // written.
    unsigned write(Kind kind, std::uint32_t flow, std::uint8_t* frame) const;
    // What write() will want to know of a flow. Waiting for it would be counted as the worker's time:
    // with millions of flows it is in no cache.
    void prefetch(Kind kind, std::uint32_t flow) const {
        if (kind == Kind::reply) __builtin_prefetch(&replies_[flow]);
    }
    unsigned largest() const { return largest_; }

  private:
    static constexpr unsigned kTemplateBytes = 80;  // headers of the longest: IPv6 and TCP
    struct Template {
        alignas(16) std::array<std::uint8_t, kTemplateBytes> bytes{};
        std::uint32_t ip_sum = 0;  // of the IPv4 header, address of the client left out
        std::uint32_t l4_sum = 0;  // of pseudo-header and L4, client and varying port left out
    };
    Template make(Kind kind, unsigned size, unsigned node) const;
    unsigned size_index(std::uint32_t flow) const;

    Options options_;
    bool v4_;
    unsigned largest_ = 0;
    // Twelve, so that IMIX is 7:4:1 of them; [kind][slot][node].
    static constexpr unsigned kSlots = 12;
    std::array<unsigned, kSlots> sizes_{};
    std::vector<Template> templates_;
    struct Reply {
        std::uint16_t port = 0;  // where the node's packets go to
        std::uint8_t node = 0;
    };
    std::vector<Reply> replies_;  // [flow]
};

}  // namespace portcullis::perf
