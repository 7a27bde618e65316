#include "rules/compile/compile.h"

#include <utility>

#include "rules/compile/passes.h"

namespace portcullis::compile {

tl::expected<policy::Policy, topology::Diagnostics> compile_rows(
    const topology::Topology& topology, std::string_view file_name,
    std::span<const matrix::Row> rows, signatures::PatternCompiler* pattern_compiler) {
    Draft draft{topology, file_name, rows, pattern_compiler};
    draft.policy.topology_name = topology.name;
    draft.policy.release = topology::to_string(topology.release);
    draft.policy.settings = topology.settings;

    add_interfaces(draft);        // devices, addresses, and what we answer ARP and ND for
    add_routes(draft);            // longest prefix first
    add_address_classes(draft);   // which address is ours, lives in which zone, or is a bogon
    add_services(draft);          // the VIPs: nodes, NAT, probes
    add_conformance(draft);       // which services are held to their protocol, and how strictly
    add_site_rules(draft);        // the operator's own rules come first
    add_matrix_rules(draft);      // what the documents open, narrow before wide
    drop_unused_services(draft);  // nobody probes what no rule reaches
    drop_unused_conformance(draft);
    add_builtins(draft);                              // what is allowed outside the matrix
    if (draft.errors.empty()) add_signatures(draft);  // the compiled patterns of what is held
    if (!draft.errors.empty()) return tl::unexpected(std::move(draft.errors));

    add_witnesses(draft.policy);  // packets whose verdicts the data plane must repeat
    return std::move(draft.policy);
}

tl::expected<policy::Policy, topology::Diagnostics> compile(const topology::Topology& topology,
                                                            std::string_view file_name,
                                                            signatures::PatternCompiler* patterns) {
    return compile_rows(topology, file_name, matrix::rows(), patterns);
}

}  // namespace portcullis::compile
