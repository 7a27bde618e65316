#include "dataplane/ledger.h"

#include "dataplane/peer/message.h"

namespace portcullis::dataplane {

namespace {

// record.rule is set already, where the policy of the sample still runs.
void add_violation(const DenySample& sample, const ActivePolicy* active, peer::DenyRecord& record) {
    set_text(record.reason, to_string(sample.violation));
    record.passed = sample.passed ? 1 : 0;
    record.first_count = sample.first_count;
    record.first_bytes = sample.first_bytes;
    set_text(record.service, "(of an earlier policy)");
    if (record.rule == policy::kNoRule) return;
    const policy::Policy& policy = active->policy->policy();
    if (const auto at = policy.rules[record.rule].conformance; at < policy.conformance.size())
        set_text(record.service, policy.conformance[at].name);
}

}  // namespace

void RuleLedger::retire(const ActivePolicy& policy) {
    const auto& rules = policy.policy->policy().rules;
    for (std::uint32_t i = 0; i < rules.size(); ++i)
        if (const std::uint64_t hits = policy.hits.total(i); hits != 0)
            totals_[rules[i].id] += hits;
}

std::vector<peer::RuleRecord> RuleLedger::list(const ActivePolicy& active) const {
    const auto& rules = active.policy->policy().rules;
    std::vector<peer::RuleRecord> records(rules.size());
    for (std::uint32_t i = 0; i < rules.size(); ++i) {
        const auto before = totals_.find(rules[i].id);
        records[i].rule = i;
        records[i].hits = active.hits.total(i) + (before == totals_.end() ? 0 : before->second);
    }
    return records;
}

void SignatureLedger::retire(const ActivePolicy& policy) {
    const auto& services = policy.policy->policy().conformance;
    for (std::uint32_t i = 0; i < services.size(); ++i) {
        const ConformanceHits::Totals hits = policy.conformance.total(i);
        ConformanceHits::Totals& sum = totals_[services[i].name];
        sum.matched += hits.matched;
        sum.refused += hits.refused;
        sum.watched += hits.watched;
    }
}

std::vector<peer::SignatureRecord> SignatureLedger::list(const ActivePolicy& active) const {
    const policy::Policy& policy = active.policy->policy();
    std::vector<peer::SignatureRecord> records(policy.conformance.size());
    for (std::uint32_t i = 0; i < records.size(); ++i) {
        const policy::Conformance& service = policy.conformance[i];
        peer::SignatureRecord& record = records[i];
        set_text(record.service, service.name);
        const bool custom = service.protocol == policy::ProtocolClass::custom &&
                            service.database < policy.databases.size();
        set_text(record.protocol,
                 custom ? policy.databases[service.database].name : to_string(service.protocol));
        record.mode = static_cast<std::uint8_t>(service.mode);
        ConformanceHits::Totals sum = active.conformance.total(i);
        if (const auto before = totals_.find(service.name); before != totals_.end()) {
            sum.matched += before->second.matched;
            sum.refused += before->second.refused;
            sum.watched += before->second.watched;
        }
        record.matched = sum.matched;
        record.refused = sum.refused;
        record.watched = sum.watched;
        record.undecided = sum.undecided;
    }
    return records;
}

void DenyLedger::add(const DenySample& sample) {
    samples_.push_back(sample);
    if (samples_.size() <= kCapacity) return;
    const std::uint32_t lost = samples_.front().suppressed + 1;
    samples_.pop_front();
    samples_.front().suppressed += lost;
}

std::vector<peer::DenyRecord> DenyLedger::take(const ActivePolicy* active) {
    std::vector<peer::DenyRecord> records;
    records.reserve(samples_.size());
    for (const DenySample& sample : samples_) {
        const Attachment at = attachment_of(sample.key.interface);
        const bool same = active != nullptr && active->policy->generation() == sample.generation;
        peer::DenyRecord& record = records.emplace_back();
        record.unix_ms = unix_ms_at_zero_ + sample.when;
        record.source = sample.key.source.bytes();
        record.destination = sample.key.destination.bytes();
        record.source_port = sample.key.source_port;
        record.destination_port = sample.key.destination_port;
        record.protocol = sample.key.protocol;
        record.interface = active == nullptr ? peer::kNoInterface
                                             : active->policy->interface_of(at.device, at.vlan);
        record.rule = same ? sample.rule : policy::kNoRule;
        record.suppressed = sample.suppressed;
        set_text(record.reason, to_string(sample.reason));
        if (sample.reason != DropReason::not_conformant) continue;
        record.limit = inspect::limit_of(sample.violation, limits_);
        add_violation(sample, active, record);
    }
    samples_.clear();
    return records;
}

}  // namespace portcullis::dataplane
