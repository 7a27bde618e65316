// The data plane's records as JSON: addresses as text, rules and interfaces by name.
#pragma once

#include <memory>
#include <string>

#include "control/rpc.h"
#include "rules/peer/messages.h"
#include "rules/policy/policy.h"

namespace portcullis::control {

using PolicyPtr = std::shared_ptr<const policy::Policy>;  // the one that runs; null where unknown

template <std::size_t N>
std::string text_of(const peer::Text<N>& text) {
    std::size_t length = 0;
    while (length < N && text[length] != '\0') ++length;
    return {text.data(), length};
}
std::string address_text(const peer::Address& address);
std::string protocol_name(std::uint8_t protocol);  // "tcp", "udp", "icmp"; else the number
// 0 for "any"; nullopt for what is no protocol of ours.
std::optional<std::uint8_t> parse_protocol(const std::string& text);
std::string hash_text(const peer::Hash& hash);  // "" for zero

// Null where the index names nothing.
Json interface_name(const PolicyPtr& policy, std::uint32_t index);
Json rule_id(const PolicyPtr& policy, std::uint32_t index);
const policy::Rule* rule_of(const PolicyPtr& policy, std::uint32_t index);

Json session_view(const peer::SessionRecord& record, const PolicyPtr& policy);
Json neighbour_view(const peer::NeighbourRecord& record, const PolicyPtr& policy);
Json interface_view(const peer::InterfaceRecord& record);
Json rule_view(const peer::RuleRecord& record, const PolicyPtr& policy);
Json node_view(const peer::NodeRecord& record);
Json deny_view(const peer::DenyRecord& record, const PolicyPtr& policy);
Json signature_view(const peer::SignatureRecord& record);
// One sentence: the site rule's reason where one denied, else what the reason's name means.
std::string deny_sentence(const peer::DenyRecord& record, const PolicyPtr& policy);
Json counter_view(const peer::CounterRecord& record);  // "worker" is a number, or "main"

}  // namespace portcullis::control
