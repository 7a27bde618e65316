// One service of a class under an Inspector, and sessions that talk through it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "rules/inspect/inspector.h"
#include "rules/inspect/judge.h"
#include "tests/unit/rules/inspect/messages.h"

namespace portcullis::inspect {

policy::Conformance service_of(policy::ProtocolClass protocol, policy::ConformanceMode mode,
                               std::vector<std::string> names = {},
                               policy::MissingName missing = policy::MissingName::allow);
// A policy of one service with the signatures of its class; "custom" is an x among the first 31 bytes.
Protocols protocols_of(const policy::Conformance& service);

class Rig {
  public:
    explicit Rig(const policy::Conformance& service, const Limits& limits = {});
    const Protocol& protocol() const { return *protocols_.find(0); }
    Scratch& scratch() { return scratch_; }
    Inspector& inspector() { return *inspector_; }

    Millis now = 1'000'000;

  private:
    Protocols protocols_;
    Scratch scratch_;
    std::unique_ptr<Inspector> inspector_;
};

inline constexpr std::uint32_t kSomeSource = 0xc6336419;  // 198.51.100.25

// A session's ends; offsets are of the initiator's stream.
class Conversation {
  public:
    explicit Conversation(Rig& rig, std::uint32_t first_sequence = 0xfffffff0,
                          std::uint32_t source = kSomeSource)
        : rig_(rig), first_(first_sequence), source_(policy::IpAddress::from_v4(source)) {}

    Outcome client(std::uint32_t offset, std::span<const std::uint8_t> bytes);
    Outcome server(std::uint32_t acked, std::span<const std::uint8_t> bytes = {});
    Outcome client_datagram(std::span<const std::uint8_t> bytes);
    Outcome server_datagram(std::span<const std::uint8_t> bytes);
    void close() { rig_.inspector().close(record); }

    Inspection record = kNoInspection;

  private:
    Rig& rig_;
    std::uint32_t first_;
    policy::IpAddress source_;
};

}  // namespace portcullis::inspect
