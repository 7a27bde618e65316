// The policy's parts in the words of nftables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/policy/policy.h"

namespace portcullis::nft {

std::string quoted(std::string_view text);
// ` comment "..."`, behind a rule; cut to the length that nft takes.
std::string comment(std::string_view text);
std::string ip(policy::Family family);      // "ip", "ip6": as in "ip saddr"
std::string suffix(policy::Family family);  // "-v4", "-v6": of names, for a set holds one family
// "tcp", "udp"; "icmp" or "icmpv6" for echo.
std::string transport_of(policy::Transport transport, policy::Family family);
std::string ports_text(const policy::PortRange& ports);  // "443", "50000-59999"
// One prefix, or a set of them; nftables refuses a set in which one holds another.
std::string one_or_set(const std::vector<policy::Prefix>& prefixes);

}  // namespace portcullis::nft
