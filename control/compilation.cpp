#include "control/compilation.h"

#include "control/pattern_child.h"
#include "rules/compile/analyse.h"
#include "rules/compile/compile.h"

namespace portcullis::control {

CompileResult compile_topology(const std::string& text, const std::string& name) {
    const auto topology = topology::load_text(text, name);
    if (!topology) return tl::make_unexpected(topology.error());
    PatternChild patterns;
    auto policy = compile::compile(*topology, name, &patterns);
    if (!policy) return tl::make_unexpected(policy.error());

    Compilation compilation;
    for (const auto& finding : compile::analyse(*policy))
        compilation.findings.push_back({std::string(compile::to_string(finding.kind)),
                                        policy->rules.at(finding.rule).id, finding.text});
    compilation.image = policy::write_image(*policy);
    if (compilation.image.size() > policy::kMaxImageBytes)
        return tl::make_unexpected(
            topology::Diagnostics{{name,
                                   {1, 1},
                                   "the policy is too large for an image",
                                   "name networks by prefixes instead of by single addresses"}});
    compilation.hash = policy::image_hash(compilation.image);
    compilation.policy = std::make_shared<const policy::Policy>(std::move(*policy));
    return compilation;
}

}  // namespace portcullis::control
