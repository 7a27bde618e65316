#include "dataplane/active_policy.h"

#include "dataplane/session/ports.h"

namespace portcullis::dataplane {

ActivePolicy::ActivePolicy(std::unique_ptr<RuntimePolicy> runtime, inspect::Protocols inspected,
                           unsigned workers)
    : policy(std::move(runtime)),
      hits(policy->policy().rules.size(), workers),
      conformance(policy->policy().conformance.size(), workers),
      protocols(std::move(inspected)) {}

ActivePolicy::~ActivePolicy() = default;

tl::expected<std::unique_ptr<ActivePolicy>, std::string> ActivePolicy::make(
    std::unique_ptr<RuntimePolicy> policy, const Sessions::Config& sessions, unsigned workers) {
    auto protocols = inspect::Protocols::build(policy->policy());
    if (!protocols) return tl::unexpected(protocols.error());
    std::unique_ptr<ActivePolicy> active(
        new ActivePolicy(std::move(policy), std::move(*protocols), workers));
    const std::vector<PortPoolSpec> pools = port_pools(active->policy->policy());
    for (unsigned worker = 0; worker < workers; ++worker) {
        Sessions::Config config = sessions;
        config.worker = worker;
        config.workers = workers;
        auto prepared = Sessions::prepare_ports(config, pools);
        if (!prepared) return tl::unexpected(prepared.error());
        active->ports.push_back(std::move(*prepared));
        auto scratch = active->protocols.make_scratch();
        if (!scratch) return tl::unexpected(scratch.error());
        active->scratch.push_back(std::move(*scratch));
    }
    return active;
}

std::vector<PortPoolSpec> port_pools(const policy::Policy& policy) {
    using policy::NatKind;
    std::vector<PortPoolSpec> pools;
    const auto add = [&](const policy::Service& service, const IpAddress& node,
                         std::uint16_t port) {
        PortPoolSpec pool;
        pool.key = {service.vip, node, port, static_cast<std::uint8_t>(service.transport)};
        for (const policy::Service& other : policy.services)
            if (other.vip == service.vip && other.transport == service.transport && other.port != 0)
                pool.excluded.push_back(other.port);
        for (const PortPoolSpec& existing : pools)
            if (existing.key == pool.key) return;
        pools.push_back(std::move(pool));
    };
    for (const policy::Service& service : policy.services) {
        if (service.nat == NatKind::snat) add(service, IpAddress{}, 0);
        if (service.nat == NatKind::full)
            for (const policy::Node& node : service.nodes) add(service, node.address, service.port);
    }
    return pools;
}

}  // namespace portcullis::dataplane
