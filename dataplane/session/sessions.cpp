#include "dataplane/session/sessions.h"

#include <utility>

#include "dataplane/session/stun.h"
#include "dataplane/session/tcp.h"
#include "rules/inspect/inspector.h"

namespace portcullis::dataplane {
namespace {

constexpr std::uint32_t kMinCapacity = 2;
constexpr std::uint32_t kMaxCapacity = (1U << 31) - 128;  // a reference has 31 bits for the index
constexpr std::uint32_t kMaxPortPools = 16384;
constexpr std::uint32_t kDefaultEmbryonicTotal = 65536;
constexpr unsigned kMaxEvictions = 4;  // of embryonic sessions, for one new one

bool is_tcp(const FlowKey& key) {
    return key.protocol == static_cast<std::uint8_t>(policy::Transport::tcp);
}

PortPoolKey pool_key(policy::NatKind nat, const FlowKey& responder) {
    PortPoolKey key;
    key.vip = responder.destination;
    key.protocol = responder.protocol;
    if (nat == policy::NatKind::full) {
        key.node = responder.source;
        key.port = responder.source_port;
    }
    return key;
}

}  // namespace

tl::expected<std::unique_ptr<Sessions>, std::string> Sessions::create(const Config& config) {
    if (config.capacity < kMinCapacity || config.capacity > kMaxCapacity)
        return tl::unexpected("sessions: the capacity must lie between " +
                              std::to_string(kMinCapacity) + " and " +
                              std::to_string(kMaxCapacity));
    if (config.port_pools > kMaxPortPools)
        return tl::unexpected("sessions: at most " + std::to_string(kMaxPortPools) +
                              " pools of source ports");
    if (config.workers == 0 || config.worker >= config.workers)
        return tl::unexpected(
            std::string("sessions: the worker's number must be below their count"));
    auto sessions = HugeArray<Session>::create(std::size_t{config.capacity} + kReserve);
    auto table = SessionTable::create(2 * config.capacity);
    const std::uint32_t half_open = std::min(
        config.capacity / 2, std::max(config.limits.embryonic_total, kDefaultEmbryonicTotal));
    auto embryonic = Embryonic::create(half_open, KeyHash(config.hash_key),
                                       sessions ? sessions->data() : nullptr);
    auto begun = BegunConnections::create(config.capacity, KeyHash(config.hash_key));
    if (!sessions || !table || !embryonic || !begun)
        return tl::unexpected("sessions: not enough memory for " + std::to_string(config.capacity) +
                              " sessions; lower the capacity or add memory");
    return std::unique_ptr<Sessions>(new Sessions(config, std::move(*sessions), std::move(*table),
                                                  std::move(*embryonic), std::move(*begun)));
}

Sessions::Sessions(const Config& config, HugeArray<Session> sessions, SessionTable table,
                   Embryonic embryonic, BegunConnections begun)
    : hash_(config.hash_key),
      capacity_(config.capacity),
      sessions_(std::move(sessions)),
      table_(std::move(table)),
      embryonic_(std::move(embryonic)),
      begun_(std::move(begun)) {
    set_limits(config.limits);
    for (std::uint32_t i = 0; i < slots(); ++i) give_slot(i);
}

void Sessions::set_limits(const SessionLimits& limits) {
    limits_ = limits;
    limits_.embryonic_total = std::min(limits.embryonic_total, embryonic_.room());
}

std::uint64_t Sessions::memory_bytes() const {
    return sizeof(*this) + sessions_.bytes() + table_.memory_bytes() + embryonic_.memory_bytes() +
           begun_.memory_bytes();
}

std::uint64_t Sessions::port_memory_bytes() const {
    return ports_.memory_bytes();
}

tl::expected<std::unique_ptr<PreparedPorts>, std::string> Sessions::prepare_ports(
    const Config& config, std::span<const PortPoolSpec> pools) {
    if (pools.size() > config.port_pools)
        return tl::unexpected("the policy needs " + std::to_string(pools.size()) +
                              " pools of source ports, one a node and port behind a full-NAT VIP; "
                              "this data plane was started with room for " +
                              std::to_string(config.port_pools));
    for (const PortPoolSpec& pool : pools)
        if (pool.excluded.size() > PortPool::kMaxExcluded)
            return tl::unexpected(pool.key.vip.to_string() + " listens on more than " +
                                  std::to_string(PortPool::kMaxExcluded) + " ports");
    // Twice the room: pools of the policy before live on until their sessions have ended.
    return std::make_unique<PreparedPorts>(
        PortPools(pools, 2 * config.port_pools, config.worker, config.workers, config.hash_key[0]));
}

void Sessions::take_ports(PreparedPorts& prepared) {
    prepared.pools_.continue_from(ports_);
    std::swap(prepared.pools_, ports_);
}

// The free sessions are a queue, chained by `link`.
void Sessions::give_slot(std::uint32_t index) {
    sessions_[index].state = SessionState::free;
    sessions_[index].link = kNoSession;
    sessions_[index].aside = 0;
    (last_free_ == kNoSession ? first_free_ : sessions_[last_free_].link) = index;
    last_free_ = index;
}

// Half-open connections and unanswered datagrams: the kind that there is more of gives way, for it
// is the flood. So neither flood keeps the other kind's first packets from being answered.
bool Sessions::make_room_in_table(Millis now) {
    if (unanswered_ > embryonic_.size() && end_an_unanswered(now)) return true;
    const std::uint32_t oldest = embryonic_.oldest();
    if (oldest == kNoSession) return false;
    end(sessions_[oldest], now);
    return true;
}

// Slots are reused in the order in which they were freed, so going round them meets about the
// oldest first, and a list of these sessions is not needed.
bool Sessions::end_an_unanswered(Millis now) {
    for (unsigned i = 0; i < kMaxSearch; ++i) {
        Session& session = sessions_[give_way_next_];
        if (++give_way_next_ == slots()) give_way_next_ = 0;
        if (!is_unanswered(session.state)) continue;
        end(session, now);
        return true;
    }
    return false;
}

std::uint32_t Sessions::take_slot(Millis now) {
    if (size_ >= capacity_ && !make_room_in_table(now)) return kNoSession;
    const std::uint32_t index = first_free_;  // there are kReserve more than the capacity
    first_free_ = sessions_[index].link;
    return index;
}

// Whoever has the responder's key must be gone, or become the twin.
bool Sessions::clear_responder_key(const FlowKey& key, Millis now, SessionHit& twin) {
    for (;;) {
        twin = find(key);
        if (twin.session == nullptr) return true;
        Session& other = *twin.session;
        const bool over = is_tcp(key) && other.state == SessionState::closing;
        if (!over && !expired(other, now)) break;
        end(other, now);
    }
    return key.protocol == static_cast<std::uint8_t>(policy::Transport::udp) &&
           twin.session->link == kNoSession;
}

// The oldest gives way: of this source if it has reached its limit, of all at the total.
bool Sessions::make_room_among_embryonic(const IpAddress& source, Millis now) {
    if (limits_.embryonic_per_source == 0 || limits_.embryonic_total == 0) return false;
    // More than one only after a limit was lowered; then a few at each start.
    for (unsigned i = 0; i < kMaxEvictions; ++i) {
        const Embryonic::Source of_source = embryonic_.source(source);
        if (of_source.count < limits_.embryonic_per_source) break;
        end(sessions_[of_source.oldest], now);
    }
    for (unsigned i = 0; i < kMaxEvictions && embryonic_.size() >= limits_.embryonic_total; ++i)
        end(sessions_[embryonic_.oldest()], now);
    return embryonic_.size() < embryonic_.room();
}

// Half-open sessions may hold all ports of a pool; then too the oldest of them gives way.
bool Sessions::draw_port(const SessionPlan& plan, FlowKey& responder, Millis now) {
    PortPool* pool = ports_.find(pool_key(plan.nat, responder));
    if (pool == nullptr) return false;
    for (unsigned i = 0; i <= kMaxEvictions; ++i) {
        const std::optional<std::uint16_t> port = pool->draw();
        if (port) {
            responder.destination_port = *port;
            if (find(responder).session == nullptr) return true;
            pool->release(*port);
            continue;
        }
        const std::uint32_t oldest = embryonic_.oldest();
        if (oldest == kNoSession) return false;
        end(sessions_[oldest], now);
    }
    return false;
}

// By whichever path. And where the responder's own segment comes first: picked up as if it were an
// initiator's, under a rule that need not enforce anything, its session would take the other side's.
bool Sessions::has_begun_here(const SessionPlan& plan, const FlowKey& responder) const {
    return (plan.enforced && begun_.may_have(responder)) ||
           (plan.from_inside && begun_.may_have(plan.initiator));
}

StartResult Sessions::start(const SessionPlan& plan, const PacketView& packet, Millis now) {
    const auto refused = [](DropReason reason) { return StartResult{nullptr, reason}; };
    const SessionHit existing = find(plan.initiator);
    if (existing.session != nullptr) {
        const TrackResult tracked = track(existing, packet, now);
        if (tracked.track == Track::pass) return {tracked.session, {}, tracked.direction};
        if (tracked.track == Track::drop) return refused(tracked.reason);
    }

    const bool tcp = is_tcp(plan.initiator);
    TcpSegment segment;
    if (tcp) {
        if (!read_tcp_segment(packet, segment)) return refused(DropReason::bad_l4_header);
        if (!valid_tcp_flags(segment.flags)) return refused(DropReason::bad_tcp_flags);
        const bool mid_stream =
            plan.pick_up && segment.has(kTcpAck) && !segment.has(kTcpSyn) && !segment.has(kTcpRst);
        if (!segment.is_syn() && !mid_stream) return refused(DropReason::not_a_syn);
    }

    FlowKey responder;
    responder.source = plan.translated_destination;
    responder.source_port = plan.translated_destination_port;
    responder.destination = plan.translated_source;
    responder.destination_port = plan.translated_source_port;
    responder.interface = plan.responder_interface;
    responder.protocol = plan.initiator.protocol;
    if (plan.pick_up && has_begun_here(plan, responder)) return refused(DropReason::not_a_syn);

    const bool draws = plan.nat == policy::NatKind::full || plan.nat == policy::NatKind::snat;
    SessionHit twin;
    if (!draws && (responder == plan.initiator || !clear_responder_key(responder, now, twin)))
        return refused(DropReason::path_conflict);
    const bool half_open = tcp && segment.is_syn();
    if (half_open && !make_room_among_embryonic(plan.initiator.source, now))
        return refused(DropReason::embryonic_limit);
    if (draws && !draw_port(plan, responder, now)) return refused(DropReason::no_free_port);
    const std::uint32_t index = take_slot(now);
    if (index == kNoSession) {
        if (draws) ports_.find(pool_key(plan.nat, responder))->release(responder.destination_port);
        return refused(DropReason::session_table_full);
    }

    Session& session = sessions_[index];
    session = Session{};
    session.key[0] = plan.initiator;
    session.key[1] = responder;
    session.nat = plan.nat;
    session.av_path = plan.av_path;
    session.holds_port = draws;
    session.generation = plan.generation;
    session.rule = plan.rule;
    session.idle_ms = idle_milliseconds(plan.idle_seconds);
    session.started = now;
    session.seen(now);
    session.count(Direction::initiator, packet.l3_bytes);
    if (plan.undecided && !plan.pick_up) session.aside = kAsideUndecided;
    session.inspection = inspect::kNoInspection;
    enter(index, twin);
    if (!tcp) {
        session.state = SessionState::one_way;
        session.protocol.stun = StunTransactions{};
        note_inbound(session, packet);
    } else if (half_open) {
        tcp_open(session, segment);
        if (session.undecided()) session.aside |= kAsideUnheard;
        session.link = embryonic_.add(index);
    } else {
        tcp_pick_up(session, segment);
    }
    unanswered_ += is_unanswered(session.state);
    return {&session, {}, Direction::initiator, true};
}

// Puts both keys into the table, but for the one that the twin has there already.
void Sessions::enter(std::uint32_t index, const SessionHit& twin) {
    Session& session = sessions_[index];
    ++size_;
    session.table_keys = 1;
    session.shared_key = 1;
    table_.insert(hash_(session.key[0]), reference(index, 0));
    if (twin.session == nullptr) {
        session.table_keys = 3;
        table_.insert(hash_(session.key[1]), reference(index, 1));
        return;
    }
    session.link = index_of(*twin.session);
    session.aside |= kAsideTwin;
    twin.session->link = index;
    twin.session->aside |= kAsideTwin;
    twin.session->shared_key = static_cast<std::uint8_t>(twin.direction);
}

void Sessions::end(Session& session, Millis /*now*/) {
    if (session.state == SessionState::free) return;
    if (session.undecided() && undecided_ends_ != nullptr) [[unlikely]]
        undecided_ends_->ended_undecided(session);
    const std::uint32_t index = index_of(session);
    Session* twin = twin_of(session);
    for (unsigned d = 0; d < 2; ++d) {
        if ((session.table_keys >> d & 1) == 0) continue;
        const std::uint64_t hash = hash_(session.key[d]);
        if (twin != nullptr && d == session.shared_key) {
            table_.replace(hash, reference(index, d), reference(session.link, twin->shared_key));
            twin->table_keys = 3;
        } else {
            table_.erase(hash, reference(index, d));
        }
    }
    if (twin != nullptr) {
        twin->link = kNoSession;
        twin->clear_aside(kAsideTwin);
        twin->twin_last = false;
    }
    if (is_embryonic(session.state)) embryonic_.remove(session.link);
    unanswered_ -= is_unanswered(session.state);
    if (session.holds_port) {
        if (PortPool* pool = ports_.find(pool_key(session.nat, session.key[1])))
            pool->release(session.key[1].destination_port);
    }
    --size_;
    give_slot(index);
}

}  // namespace portcullis::dataplane
