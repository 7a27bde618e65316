// Topology x port matrix -> Policy, as named passes (compile.cpp lists them in order).
//
// The rules of one matrix row are found by resolving the row's `from` and `to` entities to
// addresses of the topology, once for each family; a row whose features are off, whose release is
// another's, or whose entities have no address gives no rule.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "rules/policy/policy.h"
#include "rules/signatures/compile.h"
#include "rules/topology/load.h"
#include "rules/topology/topology.h"

namespace portcullis::compile {

// The errors are those that only show with the matrix in hand, e.g. a site rule that opens a VIP
// port that no service has, or a pattern that does not compile.
//
// An operator's own patterns can cost minutes and gigabytes to compile, so whoever compiles a
// stranger's topology brings a compiler that sets limits; without any, a site rule with a class of
// the operator's own is an error. Built-in signatures are compiled once for each process.
tl::expected<policy::Policy, topology::Diagnostics> compile(
    const topology::Topology& topology, std::string_view file_name,
    signatures::PatternCompiler* pattern_compiler = nullptr);

}  // namespace portcullis::compile
