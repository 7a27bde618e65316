// Why a rule exists, in a sentence for a network engineer.
#include "rules/compile/matrix_rules.h"
#include "rules/compile/text.h"

namespace portcullis::compile {
namespace {

using policy::NatKind;

constexpr std::size_t kNamesShown = 4;

std::string port_phrase(const policy::Rule& rule) {
    auto out = port_text(rule.destination_ports, rule.transport);
    if (!rule.source_ports.is_any())
        out.append(concat(", from ports ", range_text(rule.source_ports)));
    return out;
}

std::string node_names(const policy::Service& service) {
    if (service.nodes.size() > kNamesShown)
        return concat(std::to_string(service.nodes.size()), " nodes");
    std::vector<std::string_view> names;
    for (const auto& node : service.nodes) names.push_back(node.name);
    return enumerate(names);
}

std::string nat_text(const policy::Policy& policy, const policy::Rule& rule) {
    if (rule.nat == NatKind::none) return "";
    const auto& service = policy.services[rule.service];
    switch (rule.nat) {
        case NatKind::none:
            break;
        case NatKind::dnat:
            return concat("; only the destination is translated, to ", node_names(service));
        case NatKind::full:
            return concat("; full NAT to ", node_names(service));
        case NatKind::snat:
            return concat("; it leaves with the VIP ", service.vip.to_string(), " as source");
    }
    return "";
}

}  // namespace

std::string EntityGroup::label() const {
    std::string out;
    for (const auto entity : entities)
        out.append(out.empty() ? "" : "+").append(matrix::to_string(entity));
    return out;
}

std::string EntityGroup::phrase() const {
    std::vector<std::string_view> parts;
    for (const auto entity : entities) parts.push_back(compile::phrase(entity));
    return enumerate(parts);
}

std::string sentence(const matrix::Row& row, const EntityGroup& from, const EntityGroup& to,
                     const policy::Policy& policy, const policy::Rule& rule) {
    std::string out = from.phrase();
    // Only ASCII letters stand at the front of a phrase.
    if (out.front() >= 'a' && out.front() <= 'z')
        out.front() = static_cast<char>(out.front() - 'a' + 'A');
    const auto purpose = row.application.empty()
                             ? concat(" on ", port_phrase(rule))
                             : concat(" for ", row.application, " (", port_phrase(rule), ")");
    out.append(concat(" may reach ", to.phrase(), purpose, nat_text(policy, rule), "."));
    return out;
}

}  // namespace portcullis::compile
