#include "perf/traffic/bench.h"

#include "perf/traffic/failure.h"

namespace portcullis::traffic {
namespace {

constexpr unsigned kFindSeconds = 15;
constexpr unsigned kAnswers = 1023;

// Packets are laid out once the firewall's MAC addresses are known.
Flows lay_out(const Scenario& scenario, Hosts& hosts, const Port& client, const Port& node) {
    hosts.find_firewall(kFindSeconds);
    return Flows(scenario, {hosts.firewall(SideOf::client), client.mac()},
                 {hosts.firewall(SideOf::node), node.mac()});
}

}  // namespace

Bench::Bench(const Scenario& scenario, Port& client, Port& node, unsigned descriptors)
    : ports_{&client, &node},
      pool_(make_zeroed_pool("tx", 4 * descriptors + 1024)),
      hosts_(scenario, ports_, make_pool("answers", kAnswers)),
      flows_(lay_out(scenario, hosts_, client, node)) {}

void Bench::throw_if_wrong() const {
    if (wrong_ == 0) return;
    throw Failure(std::to_string(wrong_) + " packets came back wrong; the first: " + first_wrong_);
}

}  // namespace portcullis::traffic
