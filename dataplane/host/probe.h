// Node probes: does a node answer on the ports that its service needs? (SEMANTICS "Service
// settings")
//
// TCP: a SYN from our interface address; a SYN-ACK counts as alive and is answered with a RST, so
// that nothing stays open on the node. UDP 3478: a STUN binding request (RFC 5389); any answer with
// our transaction id counts, an error too. Checks are shared: what several services need of one
// node's port is asked once.
//
// A node counts as up until `fall` checks in a row have failed: a start or a push must not refuse
// sessions before anything is known. It comes back after `rise` answers in a row.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "dataplane/host/sink.h"
#include "dataplane/host/wire.h"
#include "rules/policy/policy.h"

namespace portcullis::dataplane {

class Prober {
  public:
    // An IP packet from `source` to `destination`, protocol and payload as given; the caller routes
    // it. Its L4 checksum is complete.
    using Send = std::function<void(const IpAddress& source, const IpAddress& destination,
                                    std::uint8_t protocol, std::span<const std::uint8_t> payload)>;
    // Our address to probe a node from; nullopt where it has no route.
    using SourceFor = std::function<std::optional<IpAddress>(const IpAddress& node)>;
    Prober(HostSink& sink, Send send, SourceFor source_for, std::uint64_t seed);

    // What is known of a (node, port) carries over to the new policy.
    void on_policy(const policy::Policy& policy, Millis now);
    void tick(Millis now);
    // A packet to one of our interface addresses and a probe port. False: no answer to a probe of ours,
    // not even a late one.
    bool on_answer(const IpView& packet, Millis now);

    struct Listed {
        std::string service;
        std::string node;
        IpAddress address;
        bool up = true;
        Millis since = 0;
    };
    std::vector<Listed> list() const;

  private:
    struct Target {
        IpAddress address;
        policy::ProbeKind kind = policy::ProbeKind::none;
        std::uint16_t port = 0;
        friend auto operator<=>(const Target&, const Target&) = default;
    };
    struct Check {
        bool up = true;
        unsigned good = 0, bad = 0;  // in a row
        Millis next = 0;             // when to ask again
        Millis asked = 0;            // 0: nothing under way
        std::uint16_t source_port = 0;
        IpAddress source;
        std::uint32_t sequence = 0;
        std::array<std::uint8_t, 12> transaction{};
    };
    struct Watched {
        std::uint32_t service = 0, node = 0;
        std::string service_name, node_name;
        IpAddress address;
        std::vector<Target> targets = {};
        bool up = true;
        Millis since = 0;
    };
    using Checks = std::map<Target, Check>;

    void ask(const Target& target, Check& check, Millis now);
    void settle(Check& check, bool answered, Millis now);
    void review(Millis now, bool tell_all = false);
    static bool comes_from(const IpView& packet, const Target& target);
    bool is_late(const IpView& packet) const;
    bool on_tcp(const Target& target, Check& check, const IpView& packet, Millis now);
    bool on_stun(Check& check, const IpView& packet, Millis now);

    HostSink& sink_;
    Send send_;
    SourceFor source_for_;
    std::mt19937_64 random_;
    policy::Settings settings_;
    Checks checks_;
    std::map<std::uint16_t, Target> by_port_;  // probes under way, by source port
    std::vector<Watched> watched_;
    std::uint16_t next_port_ = kProbePorts.first;
};

}  // namespace portcullis::dataplane
