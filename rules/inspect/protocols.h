// A policy's conformance, made ready to be asked: databases deserialised, names indexed.
//
//     auto protocols = Protocols::build(policy);           // loader thread, identify
//     auto scratch = protocols->make_scratch();             // one for each worker, likewise
//     if (const Protocol* p = protocols->find(rule.conformance)) ... inspector.h
//
// Protocols is immutable once built: any number of threads may read it, each with a scratch of its
// own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "rules/policy/policy.h"

struct hs_database;
struct hs_scratch;

namespace portcullis::inspect {

// What Hyperscan writes to while it scans; belongs to one thread.
class Scratch {
  public:
    Scratch() = default;
    explicit Scratch(hs_scratch* scratch) : scratch_(scratch) {}
    Scratch(Scratch&& other) noexcept;
    Scratch& operator=(Scratch&& other) noexcept;
    ~Scratch();
    hs_scratch* get() const { return scratch_; }

  private:
    hs_scratch* scratch_ = nullptr;
};

// One inspected service.
class Protocol {
  public:
    policy::ProtocolClass protocol = policy::ProtocolClass::none;
    policy::ConformanceMode mode = policy::ConformanceMode::watch;
    bool stream = true;
    bool twins = true;                      // else viable until `width` bytes have arrived
    std::uint32_t width = 0;                // bytes that the patterns look at, at most
    const hs_database* database = nullptr;  // owned by Protocols
    const std::vector<std::string>* names = nullptr;  // as policy::Conformance::names
    policy::MissingName missing_name = policy::MissingName::allow;

    bool enforces() const { return mode == policy::ConformanceMode::enforce; }
    // RFC 6066 3: compared without case; RFC 6125 6.4.3: a wildcard stands for one label.
    bool publishes(std::string_view server_name) const;
};

class Protocols {
  public:
    // Fails where a database does not load (another version of Hyperscan wrote it, or it is
    // damaged).
    static tl::expected<Protocols, std::string> build(const policy::Policy& policy);
    Protocols(Protocols&&) noexcept;
    Protocols& operator=(Protocols&&) noexcept;
    ~Protocols();

    // nullptr where nothing is to be looked at: kNoConformance, mode off, class none.
    const Protocol* find(std::uint32_t conformance) const {
        return conformance < protocols_.size() && protocols_[conformance].database != nullptr
                   ? &protocols_[conformance]
                   : nullptr;
    }
    std::size_t size() const { return protocols_.size(); }
    tl::expected<Scratch, std::string> make_scratch() const;

  private:
    struct Storage;  // databases and names
    Protocols();
    std::unique_ptr<Storage> storage_;
    std::vector<Protocol> protocols_;  // by index in Policy::conformance
};

}  // namespace portcullis::inspect
