#include "rules/inspect/records.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace portcullis::inspect {

namespace {

Record::Tier tier_for(std::uint32_t size) {
    if (size <= kSmallBuffer) return Record::Tier::small;
    return size <= kMediumBuffer ? Record::Tier::medium : Record::Tier::large;
}

}  // namespace

bool Records::Buffers::create(std::uint32_t bytes, std::uint32_t number) {
    size = bytes;
    count = free = number;
    memory.reset(new (std::nothrow) std::uint8_t[std::size_t{bytes} * number]());
    unused.reset(new (std::nothrow) std::uint32_t[number]);
    if (memory == nullptr || unused == nullptr) return false;
    for (std::uint32_t i = 0; i < number; ++i) unused[i] = number - 1 - i;
    return true;
}

std::unique_ptr<Records> Records::create(const Limits& limits) {
    std::unique_ptr<Records> made(new (std::nothrow) Records());
    if (made == nullptr) return nullptr;
    made->limits_ = limits;
    made->index_bits_ = static_cast<unsigned>(std::bit_width(made->slots() - 1));
    made->records_.reset(new (std::nothrow) Record[made->slots()]);
    if (made->records_ == nullptr || !made->buffers_[0].create(kMediumBuffer, limits.medium) ||
        !made->buffers_[1].create(kLargeBuffer, limits.large) ||
        !made->sources_.create(limits.records))
        return nullptr;
    for (std::uint32_t i = 0; i < made->slots(); ++i)
        made->append(made->records_[i],
                     i < limits.records ? Record::List::free : Record::List::free_datagram);
    return made;
}

std::uint64_t Records::memory_bytes() const {
    std::uint64_t bytes =
        sizeof(Records) + sizeof(Record) * std::uint64_t{slots()} + sources_.memory_bytes();
    for (const Buffers& buffers : buffers_)
        bytes += (std::uint64_t{buffers.size} + sizeof(std::uint32_t)) * buffers.count;
    return bytes;
}

Record* Records::find(Inspection handle) {
    if (handle == kNoInspection) return nullptr;
    const std::uint32_t index = handle & ((1U << index_bits_) - 1);
    if (index >= slots()) return nullptr;
    Record& record = records_[index];
    const std::uint32_t generation = (handle & ~kMatchedBit) >> index_bits_;
    return record.in_use() && record.generation == generation ? &record : nullptr;
}

Inspection Records::handle_of(const Record& record) const {
    return record.generation << index_bits_ | index_of(record) |
           (record.matched() ? kMatchedBit : 0);
}

void Records::append(Record& record, Record::List list) {
    List& to = list_of(list);
    const std::uint32_t index = index_of(record);
    record.list = list;
    record.older = to.newest;
    record.newer = kNone;
    (to.newest == kNone ? to.oldest : records_[to.newest].newer) = index;
    to.newest = index;
}

void Records::unlink(Record& record) {
    List& from = list_of(record.list);
    (record.older == kNone ? from.oldest : records_[record.older].newer) = record.newer;
    (record.newer == kNone ? from.newest : records_[record.newer].older) = record.older;
}

void Records::give_up_expired(Millis now, unsigned at_most, bool matched_too) {
    for (const auto list : {Record::List::undecided, Record::List::matched}) {
        if (list == Record::List::matched && !matched_too) return;
        for (; at_most > 0 && list_of(list).oldest != kNone; --at_most) {
            Record& oldest = records_[list_of(list).oldest];
            if (!expired(oldest, now)) break;
            close(oldest);
        }
    }
}

Record* Records::open(const policy::IpAddress* source, Millis now, Refusal& refusal) {
    refusal = Refusal::none;
    give_up_expired(now, kByTheWay, false);
    SourceCounts::Places places{};
    if (source != nullptr) {
        places = sources_.places_of(*source);
        if (sources_.count(places) >= limits_.per_source) give_up_expired(now, kInNeed, true);
        if (sources_.count(places) >= limits_.per_source) {
            refusal = Refusal::source_quota;
            return nullptr;
        }
    }
    const List& free = list_of(Record::List::free);
    if (free.oldest == kNone) give_up_expired(now, kInNeed, true);
    if (free.oldest == kNone) {
        refusal = Refusal::no_room;
        return nullptr;
    }
    Record& record = take(Record::List::free, Record::List::undecided, now);
    record.places = places;
    record.counted = source != nullptr;
    if (record.counted) sources_.add(places);
    return &record;
}

Record& Records::open_datagram(Millis now) {
    if (list_of(Record::List::free_datagram).oldest == kNone)
        close(records_[list_of(Record::List::datagram).oldest]);
    return take(Record::List::free_datagram, Record::List::datagram, now);
}

// The first of `from`, which is not empty.
Record& Records::take(Record::List from, Record::List to, Millis now) {
    Record& record = records_[list_of(from).oldest];
    unlink(record);
    append(record, to);
    record.session = {};
    record.since = now;
    record.counted = false;
    ++used_;
    return record;
}

void Records::close(Record& record) {
    release_buffer(record);
    if (record.counted) sources_.remove(record.places);
    unlink(record);
    append(record,
           index_of(record) < limits_.records ? Record::List::free : Record::List::free_datagram);
    // The last generation is left out: with it a handle could be kNoInspection or kOnlyMatched.
    const std::uint32_t generations = 1U << (31 - index_bits_);
    record.generation = (record.generation + 1) % (generations - 1);
    --used_;
}

void Records::match(Record& record, Millis now) {
    if (record.holder) leave_holders(record);
    unlink(record);
    append(record, Record::List::matched);
    record.since = now;
}

void Records::renew(Record& record, Millis now) {
    const Record::List list = record.list;
    unlink(record);
    append(record, list);
    record.since = now;
}

std::uint8_t* Records::bytes(Record& record) {
    if (record.tier == Record::Tier::small) return record.small.data();
    Buffers& buffers = buffers_of(record.tier);
    return buffers.memory.get() + std::size_t{buffers.size} * record.buffer;
}

void Records::release_buffer(Record& record) {
    if (record.tier == Record::Tier::small) return;
    if (record.holder) leave_holders(record);
    Buffers& buffers = buffers_of(record.tier);
    buffers.unused[buffers.free++] = record.buffer;
    record.tier = Record::Tier::small;
}

void Records::join_holders(Record& record) {
    List& to = holders_of(record.tier);
    const std::uint32_t index = index_of(record);
    record.holder = true;
    record.older_holder = to.newest;
    record.newer_holder = kNone;
    (to.newest == kNone ? to.oldest : records_[to.newest].newer_holder) = index;
    to.newest = index;
    if (record.counted) sources_.add(record.places, SourceCounts::Of::buffers);
}

void Records::leave_holders(Record& record) {
    List& from = holders_of(record.tier);
    record.holder = false;
    (record.older_holder == kNone ? from.oldest : records_[record.older_holder].newer_holder) =
        record.newer_holder;
    (record.newer_holder == kNone ? from.newest : records_[record.newer_holder].older_holder) =
        record.older_holder;
    if (record.counted) sources_.remove(record.places, SourceCounts::Of::buffers);
}

// Among the oldest of all: looking further would take too long.
Record* Records::oldest_holder_of(const SourceCounts::Places& places) {
    Record* oldest = nullptr;
    for (const List& holders : holders_) {
        std::uint32_t index = holders.oldest;
        for (unsigned i = 0; i < kInNeed && index != kNone; ++i) {
            Record& record = records_[index];
            index = record.newer_holder;
            if (!record.counted || record.places != places) continue;
            if (oldest == nullptr || record.since < oldest->since) oldest = &record;
            break;
        }
    }
    return oldest;
}

// While there is plenty nobody is asked: many clients may share an address.
bool Records::within_quota(const Record& record, Record::Tier tier) {
    const Buffers& buffers = buffers_of(tier);
    if (!record.counted || buffers.free > buffers.count / 2 ||
        sources_.count(record.places, SourceCounts::Of::buffers) < limits_.buffers_per_source)
        return true;
    Record* own = oldest_holder_of(record.places);
    if (own == nullptr) return false;
    close(*own);
    return true;
}

// A free buffer of `tier`, or of a larger one.
bool Records::find_buffer(Record::Tier& tier, Millis now) {
    if (buffers_of(tier).free != 0) return true;
    // The record that asks is not expired itself: its session was asked first.
    give_up_expired(now, kInNeed, true);
    for (const auto larger : {tier, Record::Tier::large}) {
        if (buffers_of(larger).free == 0) continue;
        tier = larger;
        return true;
    }
    // It holds no buffer of these tiers either.
    for (const auto larger : {tier, Record::Tier::large}) {
        if (holders_of(larger).oldest == kNone) continue;
        close(records_[holders_of(larger).oldest]);
        tier = larger;
        return true;
    }
    return false;
}

Records::Refusal Records::grow(Record& record, std::uint32_t size, std::uint32_t used,
                               bool recognised, Millis now) {
    Record::Tier tier = tier_for(size);
    if (tier <= record.tier) return Refusal::none;
    if (!recognised && record.tier == Record::Tier::small && !within_quota(record, tier))
        return Refusal::buffer_quota;
    if (!find_buffer(tier, now)) return Refusal::no_room;
    Buffers& buffers = buffers_of(tier);
    const std::uint32_t buffer = buffers.unused[--buffers.free];
    std::memcpy(buffers.memory.get() + std::size_t{buffers.size} * buffer, bytes(record), used);
    release_buffer(record);
    record.tier = tier;
    record.buffer = buffer;
    if (!recognised) join_holders(record);
    return Refusal::none;
}

void Records::shrink(Record& record, std::uint32_t used) {
    if (used > kSmallBuffer || record.tier == Record::Tier::small) return;
    std::memcpy(record.small.data(), bytes(record), used);
    release_buffer(record);
}

}  // namespace portcullis::inspect
