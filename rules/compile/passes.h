// What the passes of the compiler share; compile.cpp runs them in order. Internal to
// rules/compile/.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "rules/matrix/row.h"
#include "rules/policy/policy.h"
#include "rules/signatures/compile.h"
#include "rules/topology/load.h"
#include "rules/topology/topology.h"

namespace portcullis::compile {

// The policy in the making. Each pass reads the topology and what earlier passes have put into
// `policy`, and adds its own part.
struct Draft {
    const topology::Topology& topology;
    std::string_view file_name;  // for diagnostics
    std::span<const matrix::Row> rows;
    signatures::PatternCompiler* pattern_compiler = nullptr;  // see compile.h
    policy::Policy policy{};
    topology::Diagnostics errors{};
    // Of the entries of policy.conformance with class custom, by name: which class of the topology.
    std::map<std::string, std::size_t, std::less<>> custom_classes{};
};

void add_interfaces(Draft& draft);           // interfaces.cpp
void add_routes(Draft& draft);               // interfaces.cpp
void add_address_classes(Draft& draft);      // address_classes.cpp
void add_services(Draft& draft);             // services.cpp
void add_conformance(Draft& draft);          // conformance.cpp
void add_site_rules(Draft& draft);           // site_rules.cpp
void add_matrix_rules(Draft& draft);         // matrix_rules.cpp
void drop_unused_services(Draft& draft);     // services.cpp
void drop_unused_conformance(Draft& draft);  // conformance.cpp
void add_signatures(Draft& draft);           // signatures.cpp
void add_builtins(Draft& draft);             // builtins.cpp
void add_witnesses(policy::Policy& policy);  // witnesses.cpp

// compile() with another matrix than the real one; tests bring small ones.
tl::expected<policy::Policy, topology::Diagnostics> compile_rows(
    const topology::Topology& topology, std::string_view file_name,
    std::span<const matrix::Row> rows, signatures::PatternCompiler* pattern_compiler = nullptr);

inline constexpr policy::Family kFamilies[] = {policy::Family::ipv4, policy::Family::ipv6};
inline std::string_view family_name(policy::Family family) {
    return family == policy::Family::ipv4 ? "ipv4" : "ipv6";
}

}  // namespace portcullis::compile
