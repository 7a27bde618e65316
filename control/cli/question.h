// One question of `portcullis trace` and its answer, apart from how they are read and printed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "control/cli/describe.h"
#include "rules/policy/match.h"

namespace portcullis::control::cli {

// The source port of questions that name none: any port of a client's own choosing would do.
inline constexpr std::uint16_t kDefaultSourcePort = 51000;

struct Question {
    policy::Zone in = policy::Zone::internet;
    policy::Transport transport = policy::Transport::tcp;
    policy::IpAddress source;
    policy::IpAddress destination;
    std::uint16_t source_port = kDefaultSourcePort;
    std::uint16_t destination_port = 0;
};

struct Answer {
    std::uint32_t ingress = 0;
    policy::FirstPacket packet;
    policy::Verdict verdict;
    // Toward the translated destination, or toward the first candidate where there are several; set
    // where the packet is allowed and a route exists.
    std::optional<policy::NextHop> egress;
};

// The error is a zone that no interface has.
tl::expected<Answer, std::string> answer(const policy::Policy& policy, const Question& question);

// "no-rule: nothing in the matrix opens this", or the sentence of the allowing rule.
std::string reason(const policy::Policy& policy, const policy::Verdict& verdict);

// verdict, nat, translated, rule, rows, reason, conformance: what a batch prints behind the id.
Json to_json(const policy::Policy& policy, const policy::Verdict& verdict);

// "192.0.2.1" or "2001:db8::1". An IPv4-mapped address is no host's on any wire and is read as
// "::", which no zone has either, so that a question about one is answered and not refused.
tl::expected<policy::IpAddress, std::string> parse_host(std::string_view text);

struct Endpoint {
    policy::IpAddress address;
    std::uint16_t port = 0;
};
// "192.0.2.1:443" or "[2001:db8::1]:443"; without a port where `default_port` is given.
tl::expected<Endpoint, std::string> parse_endpoint(std::string_view text,
                                                   std::optional<std::uint16_t> default_port);

tl::expected<policy::Transport, std::string> parse_transport(std::string_view text);

}  // namespace portcullis::control::cli
