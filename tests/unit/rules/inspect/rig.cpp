#include "tests/unit/rules/inspect/rig.h"

#include <stdexcept>

#include "rules/signatures/compile.h"

namespace portcullis::inspect {

policy::Conformance service_of(policy::ProtocolClass protocol, policy::ConformanceMode mode,
                               std::vector<std::string> names, policy::MissingName missing) {
    policy::Conformance service;
    service.name = "service";
    service.protocol = protocol;
    service.mode = mode;
    service.stream = is_stream(protocol);
    service.names = std::move(names);
    service.missing_name = missing;
    return service;
}

Protocols protocols_of(const policy::Conformance& service) {
    policy::Policy policy;
    if (service.protocol == policy::ProtocolClass::custom) {
        const std::string patterns[] = {"^.{0,30}x"};
        auto compiled = signatures::compile_custom("custom", patterns);
        if (!compiled) throw std::runtime_error(compiled.error().message);
        policy.databases.push_back(std::move(*compiled));
    } else {
        auto compiled = signatures::compile(service.protocol);
        if (!compiled) throw std::runtime_error(compiled.error());
        policy.databases.push_back(std::move(*compiled));
    }
    policy.conformance.push_back(service);
    policy.conformance[0].database = 0;
    auto built = Protocols::build(policy);
    if (!built) throw std::runtime_error(built.error());
    return std::move(*built);
}

Rig::Rig(const policy::Conformance& service, const Limits& limits)
    : protocols_(protocols_of(service)),
      scratch_(std::move(*protocols_.make_scratch())),
      inspector_(std::move(*Inspector::create(limits))) {}

Outcome Conversation::client(std::uint32_t offset, std::span<const std::uint8_t> bytes) {
    return rig_.inspector().initiator_segment(record, first_, rig_.protocol(), rig_.scratch(),
                                              {first_ + offset, 0, false, bytes}, source_,
                                              rig_.now);
}
Outcome Conversation::server(std::uint32_t acked, std::span<const std::uint8_t> bytes) {
    return rig_.inspector().responder_segment(record, rig_.protocol(), rig_.scratch(),
                                              {0x12345678, first_ + acked, true, bytes}, rig_.now);
}
Outcome Conversation::client_datagram(std::span<const std::uint8_t> bytes) {
    return rig_.inspector().initiator_datagram(record, rig_.protocol(), rig_.scratch(), bytes,
                                               rig_.now);
}
Outcome Conversation::server_datagram(std::span<const std::uint8_t> bytes) {
    return rig_.inspector().responder_datagram(record, rig_.protocol(), rig_.scratch(), bytes,
                                               rig_.now);
}

}  // namespace portcullis::inspect
