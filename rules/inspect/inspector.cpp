#include "rules/inspect/inspector.h"

#include <algorithm>
#include <new>
#include <utility>

#include "rules/inspect/inspector_state.h"

namespace portcullis::inspect {

Inspector::Inspector(std::unique_ptr<State> state) : state_(std::move(state)) {}
Inspector::~Inspector() = default;

tl::expected<std::unique_ptr<Inspector>, std::string> Inspector::create(const Limits& limits) {
    for (const std::uint32_t wanted : {limits.records, limits.datagrams})
        if (wanted == 0 || wanted > kMostRecords)
            return tl::unexpected("the inspector can have 1 to " + std::to_string(kMostRecords) +
                                  " records of either kind, not " + std::to_string(wanted));
    std::unique_ptr<State> state(new (std::nothrow) State());
    if (state != nullptr) {
        state->limits = limits;
        state->records = Records::create(limits);
    }
    if (state == nullptr || state->records == nullptr)
        return tl::unexpected(
            "not enough memory for an inspector of " + std::to_string(limits.records) +
            " records, " + std::to_string(limits.datagrams) + " for UDP, and " +
            std::to_string(limits.medium) + " and " + std::to_string(limits.large) +
            " larger buffers: lower `inspect-records`, `inspect-datagrams`, "
            "`inspect-buffers` or `inspect-large-buffers`");
    return std::unique_ptr<Inspector>(new Inspector(std::move(state)));
}

void Inspector::close(Inspection& record) {
    if (Record* open = state_->records->find(record)) state_->records->close(*open);
    record = kNoInspection;
}

std::uint32_t Inspector::undecided() const {
    return state_->records->used();
}

std::uint64_t Inspector::memory_bytes() const {
    return sizeof(Inspector) + sizeof(State) + state_->records->memory_bytes();
}

Outcome Inspector::State::end(Inspection& handle, Record* record, bool matched) {
    if (record != nullptr) records->close(*record);
    handle = kNoInspection;
    Outcome outcome;
    outcome.done = true;
    outcome.matched = matched;
    return outcome;
}

Outcome Inspector::State::violation(Inspection& handle, Record* record, const Protocol& protocol,
                                    Violation why, Bytes first) {
    const std::size_t size = std::min(first.size(), first_bytes.size());
    std::copy_n(first.begin(), size, first_bytes.begin());
    Outcome outcome = end(handle, record, false);
    outcome.forward = !protocol.enforces();
    outcome.reported = true;
    outcome.why = why;
    outcome.first_bytes = Bytes(first_bytes).first(size);
    return outcome;
}

Outcome Inspector::State::gone(Inspection& handle, const Protocol& protocol) {
    // What a watched session had been recognised as does not change.
    if (Records::was_matched(handle) && !protocol.enforces()) return end(handle, nullptr, false);
    return violation(handle, nullptr, protocol, Violation::too_slow, {});
}

Outcome Inspector::State::refused(Inspection& handle, const Protocol& protocol,
                                  Records::Refusal refusal, Bytes first) {
    return violation(handle, nullptr, protocol, why_of(refusal), first);
}

}  // namespace portcullis::inspect
