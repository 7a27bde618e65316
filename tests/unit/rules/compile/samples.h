// The sample topologies, compiled with the real matrix, and questions to them in one line each.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "rules/compile/compile.h"
#include "rules/matrix/row.h"
#include "rules/policy/match.h"
#include "rules/topology/load.h"

namespace portcullis::compile::testing {

using Change = std::function<void(topology::Topology&)>;

topology::Topology sample_topology(std::string_view name);

inline policy::Policy compiled(const topology::Topology& topology) {
    auto made = compile(topology, topology.name);
    if (!made) throw std::runtime_error(made.error().front().message);
    return std::move(*made);
}

inline policy::Policy sample(std::string_view name, const Change& change = {}) {
    auto topology = sample_topology(name);
    if (change) change(topology);
    return compiled(topology);
}

inline Change with(topology::Feature feature) {
    return [=](auto& topology) { topology.features.set(feature, true); };
}
inline Change without(topology::Feature feature) {
    return [=](auto& topology) { topology.features.set(feature, false); };
}
inline topology::FeatureSet all_features() {
    topology::FeatureSet all;
    for (unsigned i = 0; i < topology::kFeatureCount; ++i)
        all.set(static_cast<topology::Feature>(i), true);
    return all;
}

// "internet tcp 9.9.9.9 203.0.113.10 443": the zone whose interface the packet comes in by, the
// transport, the source (with "/port" where it matters, else 40000), the destination and its port.
// Answers "none", "dnat", "full" or "snat" where the packet is allowed, else "deny".
inline policy::Verdict judge(const policy::Policy& policy, const std::string& question) {
    std::istringstream in(question);
    std::string zone_name, transport, source, destination;
    unsigned port = 0;
    in >> zone_name >> transport >> source >> destination >> port;
    if (!in) throw std::invalid_argument(question);
    unsigned source_port = 40000;
    if (const auto slash = source.find('/'); slash != std::string::npos) {
        source_port = static_cast<unsigned>(std::stoul(source.substr(slash + 1)));
        source.resize(slash);
    }
    const auto zone = policy::parse_zone(zone_name).value();
    policy::FirstPacket packet;
    packet.transport = transport == "udp" ? policy::Transport::udp : policy::Transport::tcp;
    packet.source = policy::IpAddress::parse(source).value();
    packet.destination = policy::IpAddress::parse(destination).value();
    packet.source_port = static_cast<std::uint16_t>(source_port);
    packet.destination_port = static_cast<std::uint16_t>(port);
    for (const auto& interface : policy.interfaces) {
        if (interface.zones.contains(zone)) return match(policy, packet);
        ++packet.interface;
    }
    throw std::invalid_argument("no interface has the zone of: " + question);
}

inline std::string answer(const policy::Policy& policy, const std::string& question) {
    const auto verdict = judge(policy, question);
    return verdict.allow ? std::string(policy::to_string(verdict.nat)) : "deny";
}

struct Case {
    const char* question;
    const char* expected;
};

inline void expect(const policy::Policy& policy, const std::vector<Case>& cases) {
    for (const auto& one : cases)
        EXPECT_EQ(answer(policy, one.question), one.expected) << one.question;
}

// "deny" for each of several ports: "4443,8080" after the destination.
inline void expect_ports(const policy::Policy& policy, const std::string& question,
                         const std::vector<unsigned>& ports, const std::string& expected) {
    for (const auto port : ports) {
        const auto whole = std::string(question).append(" ").append(std::to_string(port));
        EXPECT_EQ(answer(policy, whole), expected) << whole;
    }
}

}  // namespace portcullis::compile::testing
