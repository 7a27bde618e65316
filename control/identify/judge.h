// Whether a flow would pass, had it to be of a protocol class or of a service: asked of the data
// plane's own inspector in mode enforce.
//
//     auto judge = Judge::create();                       // all classes that can be enforced
//     auto judge = Judge::create(policy);                 // the services of a topology
//     const auto order = order_of(flow);
//     for (std::size_t i = 0; i < judge->size(); ++i) judge->judge(i, flow, order)
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "control/identify/order.h"
#include "rules/inspect/inspector.h"
#include "rules/policy/policy.h"

namespace portcullis::control::identify {

// Neither passed nor refused: what the capture holds does not decide it.
struct Judgement {
    bool passes = false;
    std::optional<inspect::Violation> refused;
    std::uint64_t refused_at = 0;  // the packet that shows it: its number in the capture
    bool unanswered = false;  // it passes, and what else its initiator sends would still be judged
    bool undecided() const { return !passes && !refused; }
};

class Judge {
  public:
    static tl::expected<Judge, std::string> create();
    static tl::expected<Judge, std::string> create(const policy::Policy& policy);

    // The index is that of Policy::conformance, or of the class in classes().
    bool inspects(std::size_t index) const { return protocols_.find(number(index)) != nullptr; }
    Judgement judge(std::size_t index, const Flow& flow, const Order& order);

  private:
    Judge(inspect::Protocols protocols, inspect::Scratch scratch,
          std::unique_ptr<inspect::Inspector> inspector)
        : protocols_(std::move(protocols)),
          scratch_(std::move(scratch)),
          inspector_(std::move(inspector)) {}
    static std::uint32_t number(std::size_t index) { return static_cast<std::uint32_t>(index); }

    inspect::Protocols protocols_;
    inspect::Scratch scratch_;
    std::unique_ptr<inspect::Inspector> inspector_;
    inspect::Millis clock_ = 0;  // goes on from flow to flow
};

// Why a flow is refused, with the number of the limit where one was reached: the data plane's defaults.
std::string explain(inspect::Violation why);

// The classes that a flow is recognised as: the first of those that it passes. TURN's pseudo-TLS hello
// is a TLS hello too, and TLS alone does not tell who is inside, hence the order.
const std::vector<policy::ProtocolClass>& classes();
// Puts each of them into a policy without any, in mode enforce, in the order of classes().
tl::expected<void, std::string> add_every_class(policy::Policy& policy);

}  // namespace portcullis::control::identify
