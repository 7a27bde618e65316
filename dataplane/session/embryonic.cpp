#include "dataplane/session/embryonic.h"

#include <utility>

namespace portcullis::dataplane {

std::optional<Embryonic> Embryonic::create(std::uint32_t records, const KeyHash& hash,
                                           const Session* sessions) {
    auto record_array = HugeArray<Record>::create(records);
    auto source_array = HugeArray<SourceEntry>::create(records);
    auto chains = HugeArray<std::uint32_t>::create(records);
    if (!record_array || !source_array || !chains) return std::nullopt;
    Embryonic embryonic(hash);
    embryonic.sessions_ = sessions;
    embryonic.records_ = std::move(*record_array);
    embryonic.sources_ = std::move(*source_array);
    embryonic.chains_ = std::move(*chains);
    for (std::uint32_t i = records; i-- > 0;) {
        embryonic.records_[i].newer = embryonic.free_record_;
        embryonic.free_record_ = i;
        embryonic.sources_[i].next = embryonic.free_source_;
        embryonic.free_source_ = i;
    }
    return embryonic;
}

std::uint32_t Embryonic::find_source(const IpAddress& address) const {
    for (std::uint32_t s = chains_[chain_of(address)]; s != 0; s = sources_[s - 1].next + 1)
        if (address_of(records_[sources_[s - 1].first].session) == address) return s - 1;
    return kNone;
}

Embryonic::Source Embryonic::source(const IpAddress& address) const {
    if (size_ == 0) return {};
    const std::uint32_t s = find_source(address);
    if (s == kNone) return {};
    return {sources_[s].count, records_[sources_[s].first].session};
}

std::uint32_t Embryonic::oldest() const {
    return oldest_ == kNone ? kNoSession : records_[oldest_].session;
}

std::uint32_t Embryonic::add(std::uint32_t session) {
    const IpAddress& address = address_of(session);
    std::uint32_t s = find_source(address);
    const std::uint32_t r = free_record_;
    Record& record = records_[r];
    free_record_ = record.newer;
    record.session = session;

    if (s == kNone) {
        s = free_source_;
        free_source_ = sources_[s].next;
        std::uint32_t& chain = chains_[chain_of(address)];
        sources_[s] = {r, 1, chain - 1};  // 0 - 1 is kNone
        chain = s + 1;
        record.source_older = record.source_newer = r;
    } else {
        Record& first = records_[sources_[s].first];
        record.source_older = first.source_older;
        record.source_newer = sources_[s].first;
        records_[first.source_older].source_newer = r;
        first.source_older = r;
        ++sources_[s].count;
    }
    record.source = s;

    record.older = newest_;
    record.newer = kNone;
    (newest_ == kNone ? oldest_ : records_[newest_].newer) = r;
    newest_ = r;
    ++size_;
    return r;
}

void Embryonic::remove(std::uint32_t r) {
    Record& record = records_[r];
    SourceEntry& source = sources_[record.source];
    if (--source.count == 0) {
        // The link to this source holds its index plus one at the chain's head, its index in a
        // source.
        std::uint32_t& chain = chains_[chain_of(address_of(record.session))];
        if (chain == record.source + 1) {
            chain = source.next + 1;
        } else {
            std::uint32_t before = chain - 1;
            while (sources_[before].next != record.source) before = sources_[before].next;
            sources_[before].next = source.next;
        }
        source.next = free_source_;
        free_source_ = record.source;
    } else {
        if (source.first == r) source.first = record.source_newer;
        records_[record.source_older].source_newer = record.source_newer;
        records_[record.source_newer].source_older = record.source_older;
    }

    (record.older == kNone ? oldest_ : records_[record.older].newer) = record.newer;
    (record.newer == kNone ? newest_ : records_[record.newer].older) = record.older;
    record = Record{};
    record.newer = free_record_;
    free_record_ = r;
    --size_;
}

}  // namespace portcullis::dataplane
