#include "tests/unit/rules/inspect/rig.h"

#include <stdexcept>

#include "tests/unit/rules/inspect/patterns.h"

namespace portcullis::inspect {

namespace {

using policy::ProtocolClass;
using Atoms = std::vector<std::string>;

// Atoms a, b, c -> "^abc" and "^a(?:b(?:c)?)?\z".
TestPattern sequence(const Atoms& atoms) {
    TestPattern pattern{"^", "^"};
    std::string closing;
    for (std::size_t i = 0; i < atoms.size(); ++i) {
        pattern.whole += atoms[i];
        if (i > 0) {
            pattern.twin += "(?:";
            closing += ")?";
        }
        pattern.twin += atoms[i];
    }
    pattern.twin += closing + "\\z";
    return pattern;
}
Atoms operator+(Atoms a, const Atoms& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}
Atoms any(std::size_t count) {
    return Atoms(count, ".");
}

const Atoms kTls = {"\\x16", "\\x03", "[\\x00-\\x04]", "[\\x00-\\x40]", ".", "\\x01", "\\x00",
                    ".",     ".",     "\\x03",         "[\\x00-\\x03]"};
const Atoms kPseudo = Atoms{"\\x16", "\\x03", "\\x01", "\\x00", "\\x2d", "\\x01",
                            "\\x00", "\\x00", "\\x29", "\\x03", "\\x01"} +
                      any(32) +
                      Atoms{"\\x00", "\\x00", "\\x02", "\\x00", "\\x18", "\\x01", "\\x00"};
const Atoms kMsTurn = Atoms{"[\\x00\\x01]", "[\\x03\\x04\\x06\\x13\\x15\\x16]"} + any(18) +
                      Atoms{"\\x00", "\\x0f", "\\x00", "\\x04", "\\x72", "\\xc6", "\\x4b", "\\xc6"};
const Atoms kStun = {"[\\x00\\x01]", "[\\x01\\x03-\\x19]", ".", ".", "\\x21", "\\x12", "\\xa4",
                     "\\x42"};
const Atoms kFramed = {"\\x02", "\\x00", ".", "."};
const Atoms kMultiplexed = Atoms{"\\xff", "\\x10"} + any(10);
const Atoms kIce = {"\\x00", ".",     "[\\x00\\x01]", "[\\x01\\x11]", ".",
                    ".",     "\\x21", "\\x12",        "\\xa4",        "\\x42"};
const Atoms kRtp =
    Atoms{"[\\x80-\\xbf]", "[\\x00-\\x3f\\x60-\\x7f\\x80-\\xbf\\xe0-\\xff]"} + any(10);
const Atoms kRtcp = Atoms{"[\\x80-\\xbf]", "[\\xc8-\\xcd]", "\\x00"} + any(5);
const Atoms kHttp = {"(?:G|H|P|O)", "[A-Z]{1,6}", " ",  "[\\x21-\\x7e]{1,200}",
                     " ",           "H",          "T",  "T",
                     "P",           "/",          "1",  "\\.",
                     "[01]",        "\\r",        "\\n"};
const Atoms kXmpp = {"<", "\\?", "x", "m", "l", "[^>]{0,60}", ">", "<", "s", "t", "r",
                     "e", "a",   "m", ":", "s", "t",          "r", "e", "a", "m", "\\s"};
const Atoms kDns = {".",
                    ".",
                    "[\\x00\\x01]",
                    "[\\x00\\x10\\x20\\x30]",
                    "\\x00",
                    "\\x01",
                    "\\x00",
                    "\\x00",
                    "\\x00",
                    "\\x00",
                    "\\x00",
                    "[\\x00-\\x02]",
                    "[\\x00-\\x3f]"};

std::vector<Atoms> atoms_of(ProtocolClass protocol) {
    switch (protocol) {
        case ProtocolClass::http:
            return {kHttp};
        case ProtocolClass::xmpp:
            return {kXmpp};
        case ProtocolClass::dns_udp:
            return {kDns};
        case ProtocolClass::dns_tcp:
            return {any(2) + kDns};
        case ProtocolClass::turn_udp:
            return {kMsTurn, kStun, kMultiplexed + kStun, kMultiplexed + kMsTurn};
        case ProtocolClass::turn_tcp:
            return {kPseudo, kFramed + kMsTurn, kStun};
        case ProtocolClass::media_udp:
            return {kStun, kRtcp, kRtp};
        case ProtocolClass::media_tcp:
            return {kPseudo, kFramed + kMsTurn, kIce, kStun};
        default:
            return {kTls};
    }
}

}  // namespace

policy::Conformance service_of(ProtocolClass protocol, policy::ConformanceMode mode,
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
    std::vector<TestPattern> patterns;
    std::size_t width = 0;
    if (service.protocol == ProtocolClass::custom) {
        patterns = {{"^.{0,30}x", ""}};
        width = 31;
    } else {
        for (const Atoms& atoms : atoms_of(service.protocol)) {
            patterns.push_back(sequence(atoms));
            width = std::max(width, atoms.size());
        }
    }
    if (service.protocol == ProtocolClass::http) width = 300;
    if (service.protocol == ProtocolClass::xmpp) width = 100;
    policy::Policy policy;
    policy.databases.push_back(
        compile_patterns("patterns", static_cast<std::uint32_t>(width), patterns));
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
                                               source_, rig_.now);
}
Outcome Conversation::server_datagram(std::span<const std::uint8_t> bytes) {
    return rig_.inspector().responder_datagram(record, rig_.protocol(), rig_.scratch(), bytes,
                                               rig_.now);
}

}  // namespace portcullis::inspect
