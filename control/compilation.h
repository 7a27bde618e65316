// A topology's text -> policy, image and findings: all that a push does before anybody is asked.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "rules/policy/image.h"
#include "rules/topology/load.h"

namespace portcullis::control {

struct Compilation {
    std::shared_ptr<const policy::Policy> policy;
    std::vector<std::byte> image;
    policy::ImageHash hash{};
    struct Finding {
        std::string kind;  // "shadowed"
        std::string rule;  // its id
        std::string text;
    };
    std::vector<Finding> findings;
};
using CompileResult = tl::expected<Compilation, topology::Diagnostics>;
// `name` as the errors are to call the file. Runs on a thread of its own: no shared state.
using CompileFunction =
    std::function<CompileResult(const std::string& text, const std::string& name)>;

CompileResult compile_topology(const std::string& text, const std::string& name);

}  // namespace portcullis::control
