// lookup: the session of each packet, and what its protocol's state says about the packet.
//
// A session of an older generation is first taken into this burst's policy (readmit.h). What has no
// session is left to steer and admit in `burst.missed`.
//
// Exits here:
//   drop  icmp_no_session (an ICMP error about no segment under way), spoofed_source, own_source,
//         bogon_source (of an ICMP error), policy_changed, binding_gone, bad_l4_checksum (a RST that
//         would end a session before its protocol is known), and what Sessions::track() refuses:
//         tcp_out_of_window, tcp_closed, bad_tcp_flags, ...
#include <optional>

#include "dataplane/nat/icmp_error.h"
#include "dataplane/session/tcp.h"
#include "dataplane/stages/context.h"
#include "dataplane/stages/inspect.h"
#include "dataplane/stages/readmit.h"
#include "dataplane/stages/wire.h"

namespace portcullis::dataplane {

namespace {

// True where the session belongs to the burst's policy, or now does.
bool is_current(Session& session, Burst& burst, unsigned i, Context& context) {
    if (session.generation == context.policy->generation()) [[likely]]
        return true;
    if (end_if_moved(session, context)) {
        burst.missed |= std::uint64_t{1} << i;
        return false;
    }
    const auto refused = readmit(session, context);
    if (refused) burst.drop(i, *refused);
    return !refused;
}

// A RST ends the session here, and what comes of the connection later, after a restart, would be
// picked up without a look at it. So while the session is undecided, the other end must hear it too.
// What will not arrive changes nothing; translate answers what dies here.
bool is_lost_reset(Burst& burst, unsigned i, Context& context) {
    const PacketView& view = burst.view[i];
    const Session& session = *burst.hit[i].session;
    if (!session.undecided() ||
        session.key[0].protocol != static_cast<std::uint8_t>(policy::Transport::tcp))
        return false;
    if ((tcp_flags(view.l4()) & kRst) == 0 || is_delivered(*burst.mbuf[i], view)) return false;
    if (!is_intact(*burst.mbuf[i], view) && is_enforced(session, context))
        burst.drop(i, DropReason::bad_l4_checksum);
    return true;
}

// Not in line: the registers that it wants are those of the bulk of packets.
[[gnu::noinline]] void follow_flow(Burst& burst, unsigned i, Context& context) {
    if (is_lost_reset(burst, i, context)) return;
    const std::uint32_t sent_before = sent_by(burst.hit[i]);
    const TrackResult tracked = context.sessions->track(burst.hit[i], burst.view[i], context.now);
    switch (tracked.track) {
        case Track::pass:
            // Replies of an A/V session may take the path of its twin, which has not been asked
            // yet.
            if (!is_current(*tracked.session, burst, i, context)) return;
            burst.hit[i] = {tracked.session, tracked.direction};
            if (tracked.session->concerns_inspect()) inspect_later(burst, i, sent_before, context);
            return;
        case Track::drop:
            return burst.drop(i, tracked.reason);
        case Track::start_new:
            burst.missed |= std::uint64_t{1} << i;
            return;
    }
}

// Who sends an error need not be an end of the session, so the session does not vouch for its
// source: it must live behind this interface like any other. About TCP the quote must be of a
// segment that can still be under way: guessing the addresses and ports of a connection is easy
// (RFC 5927 4.1).
std::optional<DropReason> refuse_error(const Burst& burst, unsigned i, const Context& context) {
    const PacketView& view = burst.view[i];
    const Attachment at = burst.ingress[i];
    const IpAddress source =
        view.family == Family::ipv4 ? load_v4(view.l3 + 12) : load_v6(view.l3 + 8);
    const RuntimePolicy& policy = *context.policy;
    if (const auto why = policy.source_refused(policy.interface_of(at.device, at.vlan), source))
        return why;
    if (burst.key[i].protocol != static_cast<std::uint8_t>(policy::Transport::tcp))
        return std::nullopt;
    const auto quoted = parse_icmp_error(view, burst.key[i].interface);
    const SessionHit& hit = burst.hit[i];
    if (quoted &&
        tcp_sequence_in_flight(*hit.session, opposite(hit.direction), quoted->tcp_sequence))
        return std::nullopt;
    return DropReason::icmp_no_session;
}

void follow_error(Burst& burst, unsigned i, Context& context) {
    if (const auto refused = refuse_error(burst, i, context)) return burst.drop(i, *refused);
    const SessionHit path = context.sessions->path_of(burst.hit[i]);
    if (!is_current(*path.session, burst, i, context)) return;
    burst.hit[i] = path;
    // Of a refused session nothing passes, and an earlier packet of this burst may get it refused.
    if (path.session->concerns_inspect()) burst.undecided |= std::uint64_t{1} << i;
}

}  // namespace

void lookup(Burst& burst, Context& context) {
    const std::uint32_t generation = context.policy->generation();
    const auto follow = [&](unsigned i, const SessionHit& hit) {
        burst.hit[i] = hit;
        Session* session = hit.session;
        const bool error = burst.is_icmp_error(i);
        if (session != nullptr && session->generation == generation && !error &&
            context.sessions->track_established(hit, burst.view[i], context.now)) [[likely]]
            return;
        // `free`: an earlier packet of this burst has ended it.
        const bool found = session != nullptr && session->state != SessionState::free;
        if (found && !is_current(*session, burst, i, context)) return;
        if (found && !error) return follow_flow(burst, i, context);
        if (found) return follow_error(burst, i, context);
        burst.missed |= std::uint64_t{1} << i;
    };
    context.sessions->lookup(burst.key.data(), burst.hash.data(), burst.candidate.data(),
                             burst.live, follow);
}

}  // namespace portcullis::dataplane
