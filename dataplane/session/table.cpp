#include "dataplane/session/table.h"

#include <utility>

namespace portcullis::dataplane {

std::optional<SessionTable> SessionTable::create(std::uint32_t entries) {
    // Six entries a home bucket on average: one chain in seven then has a spare bucket.
    const std::uint32_t homes = entries / 6 + 1;
    const std::uint32_t spares = entries / kEntries + 1;
    auto buckets = HugeArray<Bucket>::create(std::size_t{homes} + spares);
    if (!buckets) return std::nullopt;
    SessionTable table;
    table.buckets_ = std::move(*buckets);
    table.homes_ = homes;
    for (std::uint32_t b = homes; b < homes + spares; ++b) {
        table.buckets_[b].next = table.free_spare_;
        table.free_spare_ = b;
    }
    return table;
}

void SessionTable::insert(std::uint64_t hash, Reference reference) {
    std::uint32_t b = home(hash);
    while (buckets_[b].next != kNoBucket) b = buckets_[b].next;
    if (buckets_[b].used == kEntries) {
        const std::uint32_t spare = free_spare_;  // there is one: see the top of table.h
        free_spare_ = buckets_[spare].next;
        ++spares_in_use_;
        buckets_[spare].next = kNoBucket;
        buckets_[b].next = spare;
        b = spare;
    }
    Bucket& bucket = buckets_[b];
    bucket.signature[bucket.used] = signature(hash);
    bucket.reference[bucket.used] = reference;
    ++bucket.used;
}

SessionTable::Place SessionTable::place_of(std::uint64_t hash, Reference reference) const {
    for (std::uint32_t b = home(hash); b != kNoBucket; b = buckets_[b].next) {
        for (unsigned hits = matches(buckets_[b], hash); hits != 0; hits &= hits - 1) {
            const unsigned entry = static_cast<unsigned>(std::countr_zero(hits));
            if (buckets_[b].reference[entry] == reference) return {b, entry};
        }
    }
    return {};
}

bool SessionTable::erase(std::uint64_t hash, Reference reference) {
    const Place hole = place_of(hash, reference);
    if (hole.bucket == kNoBucket) return false;
    std::uint32_t before = kNoBucket;
    std::uint32_t last = hole.bucket;
    while (buckets_[last].next != kNoBucket) {
        before = last;
        last = buckets_[last].next;
    }
    Bucket& tail = buckets_[last];
    --tail.used;
    buckets_[hole.bucket].signature[hole.entry] = tail.signature[tail.used];
    buckets_[hole.bucket].reference[hole.entry] = tail.reference[tail.used];
    if (tail.used == 0 && last >= homes_) {
        if (before == kNoBucket) {  // the hole was in the tail itself: find what leads to it
            before = home(hash);
            while (buckets_[before].next != last) before = buckets_[before].next;
        }
        buckets_[before].next = kNoBucket;
        tail.next = free_spare_;
        free_spare_ = last;
        --spares_in_use_;
    }
    return true;
}

bool SessionTable::replace(std::uint64_t hash, Reference from, Reference to) {
    const Place place = place_of(hash, from);
    if (place.bucket == kNoBucket) return false;
    buckets_[place.bucket].reference[place.entry] = to;
    return true;
}

}  // namespace portcullis::dataplane
