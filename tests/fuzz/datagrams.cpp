// The inspect stage and its inspector under UDP sessions of every class, watched and enforced: a few
// clients and servers, whose datagrams come in any order, broken, dying, with pauses and pushes
// between them.
//
// What is held against it:
//   watch    everything passes
//   enforce  what passes before the responder has answered speaks the protocol; a session is left
//            alone by its responder's word only; once refused nothing of it passes
//   media    is recognised, waited for and refused as its packets say that the session has sent, as
//            long as there is a record for each session
//   always   a session is counted and reported once, with the first bytes of one of its datagrams;
//            records are bounded, and none is left
//
// An input says how many sessions and what each is of, then what happens, a byte and its operands
// each.
#include <algorithm>
#include <array>
#include <vector>

#include "dataplane/stages/inspect.h"
#include "rules/inspect/judge.h"
#include "rules/signatures/compile.h"
#include "tests/fuzz/first_datagrams.h"

namespace portcullis::dataplane {
namespace {

using inspect::Judgement;
using inspect::MediaKind;
using policy::ConformanceMode;
using policy::ProtocolClass;
using test::Bytes;

constexpr std::array kClasses = {ProtocolClass::media_udp, ProtocolClass::turn_udp,
                                 ProtocolClass::dns_udp, ProtocolClass::custom};
constexpr unsigned kMostSessions = 6;
constexpr unsigned kRecords = 3;  // fewer than sessions: some lose theirs
constexpr unsigned kInitiator = 0, kResponder = 1;
const IpAddress kEnds[] = {test::ip("198.51.100.25"), test::ip("203.0.113.31")};

inspect::Limits limits() {
    inspect::Limits made;
    made.records = 1;
    made.medium = made.large = 1;
    made.datagrams = kRecords;
    return made;
}

template <typename Value, typename Error>
Value value(tl::expected<Value, Error> result) {
    fuzz::require(result.has_value(), "the target could not be set up");
    return std::move(*result);
}

// A rule for each class and mode: watch, then enforce.
policy::Policy make_policy() {
    policy::Policy policy;
    for (const auto protocol : kClasses) {
        const std::string patterns[] = {"^ab.{0,6}x"};
        const auto database = static_cast<std::uint32_t>(policy.databases.size());
        policy.databases.push_back(protocol == ProtocolClass::custom
                                       ? value(signatures::compile_custom("own", patterns))
                                       : value(signatures::compile(protocol)));
        for (const auto mode : {ConformanceMode::watch, ConformanceMode::enforce}) {
            policy::Conformance service;
            service.protocol = protocol;
            service.mode = mode;
            service.stream = false;
            service.database = database;
            policy::Rule rule;
            rule.conformance = static_cast<std::uint32_t>(policy.conformance.size());
            policy.conformance.push_back(service);
            policy.rules.push_back(rule);
        }
    }
    return policy;
}

// Everything that is made once.
struct World {
    std::unique_ptr<RuntimePolicy> policy =
        value(RuntimePolicy::build(make_policy(), {}, 1, {}, nullptr, 1));
    inspect::Protocols protocols = value(inspect::Protocols::build(policy->policy()));
    inspect::Scratch scratch = value(protocols.make_scratch());
    std::unique_ptr<inspect::Inspector> inspector = value(inspect::Inspector::create(limits()));
    Millis clock = 1'000'000;
};

// A client, its server, and what may be expected of the firewall between them.
struct Talk {
    Session session;
    unsigned reports = 0, matches = 0;
    std::vector<Bytes> said;
    struct Waiting {  // media that has proved nothing yet
        bool begun = false;
        Millis since = 0;
        std::array<inspect::Continuity, 2> streams;
        unsigned keepalives = 0;
    } waiting;

    // By an initiator's datagram, which nobody has answered.
    bool recognised() const { return session.undecided() && matches != 0; }
};

struct Datagram {
    unsigned talk = 0, side = 0;
    bool broken = false, dying = false;
    Bytes payload;
};

class Run {
  public:
    Run(World& world, fuzz::Input& in)
        : world_(world), in_(in), hits_(world.policy->policy().conformance.size(), 1) {
        context_.policy = world.policy.get();
        context_.protocols = &world.protocols;
        context_.scratch = &world.scratch;
        context_.conformance = &hits_;
        context_.inspector = world.inspector.get();
        context_.denies = denies_.get();
        talks_.resize(1 + in.below(kMostSessions));
        for (Talk& talk : talks_) begin(talk, static_cast<std::uint32_t>(in.below(rules())));
    }

    void run() {
        for (unsigned steps = 0; !in_.empty() && steps < 400; ++steps) step();
        for (Talk& talk : talks_) end(talk);
        fuzz::require(undecided() == 0, "an undecided session is counted that is none");
        fuzz::require(world_.inspector->undecided() == 0, "a record that nobody holds");
    }

  private:
    std::size_t rules() const { return world_.policy->policy().rules.size(); }
    bool enforces(const Talk& talk) const { return talk.session.rule % 2 == 1; }
    Talk& any_talk() { return talks_[in_.below(talks_.size())]; }

    void step() {
        context_.now = world_.clock;
        switch (const auto what = in_.below(16)) {
            case 0:
            case 1:
                world_.clock += what == 0 ? in_.u8() : 100 * in_.below(256);
                return;
            case 2:
                return push(any_talk());
            case 3: {
                Talk& talk = any_talk();
                const auto rule = talk.session.rule;
                end(talk);
                return begin(talk, rule);
            }
            case 4:
                return send(1 + in_.below(8));
            default:
                return send(1);
        }
    }

    void begin(Talk& talk, std::uint32_t rule) {
        talk = {};
        Session& session = talk.session;
        session.state = SessionState::one_way;
        session.key[0].protocol = 17;
        session.rule = rule;
        session.generation = world_.policy->generation();
        session.aside = kAsideUndecided;
        session.inspection = inspect::kNoInspection;
        enter_inspection(session, context_);
    }
    void end(Talk& talk) { leave_inspection(talk.session, context_); }

    // As readmit does: the session goes on under the other mode.
    void push(Talk& talk) {
        Session& session = talk.session;
        if (session.undecided()) hits_.of(0, session.rule).undecided.take();
        session.rule ^= 1;
        if (session.undecided()) enter_inspection(session, context_);
    }

    void send(std::size_t count) {
        std::vector<Datagram> datagrams(count);
        std::vector<test::TestPacket> packets;
        std::array<rte_mbuf, 8> mbufs{};
        burst_.reset(static_cast<unsigned>(count));
        for (unsigned i = 0; i < count; ++i) {
            Datagram& datagram = datagrams[i];
            const auto how = in_.u8();
            datagram.talk = how % static_cast<unsigned>(talks_.size());
            datagram.side = (how & 0x20) != 0 ? kResponder : kInitiator;
            datagram.broken = (how & 0xc0) == 0x40;
            datagram.dying = (how & 0xc0) == 0x80;
            datagram.payload = fuzz::make_datagram(in_);
            Talk& talk = talks_[datagram.talk];
            // Its time is over: the datagram is the first of another session (Sessions::expired).
            if (talk.session.refused() &&
                static_cast<std::uint32_t>(context_.now) - talk.session.inspection >=
                    kRefusedMillis)
                begin(talk, talk.session.rule);
            packets.push_back(make(datagram));
            burst_.hit[i] = {&talk.session, Direction{static_cast<std::uint8_t>(datagram.side)}};
            if (talk.session.concerns_inspect()) burst_.undecided |= std::uint64_t{1} << i;
        }
        for (unsigned i = 0; i < count; ++i) {
            burst_.mbuf[i] = &mbufs[i];
            burst_.view[i] = packets[i].view();
        }
        // One datagram after the other, so that each answer is known; as the stage sees a burst.
        const std::uint64_t all = burst_.live;
        const std::uint64_t asked = burst_.undecided;
        for (unsigned i = 0; i < count; ++i) {
            const std::uint64_t bit = std::uint64_t{1} << i;
            Talk& talk = talks_[datagrams[i].talk];
            const Before before{talk.session.undecided(), talk.session.refused(), talk.recognised(),
                                (asked & bit) != 0, take_counts(talk)};
            burst_.live = all & bit;
            burst_.undecided = asked & bit;
            inspect(burst_, context_);
            check(talk, datagrams[i], before, burst_.fate[i] == Fate::live, burst_.reason[i]);
        }
        fuzz::require(world_.inspector->undecided() <= kRecords, "more records than there are");
    }

    static test::TestPacket make(const Datagram& datagram) {
        test::TestPacket packet = test::make_udp(kEnds[datagram.side], kEnds[1 - datagram.side],
                                                 40000, 3478, datagram.payload);
        if (datagram.broken) packet.bytes[packet.checksum_at()] ^= 0x55;
        if (datagram.dying) packet.bytes[8] = 1;
        return packet;
    }

    struct Before {
        bool undecided = false;   // the session
        bool refused = false;     // likewise
        bool recognised = false;  // likewise
        bool asked = false;       // the stage is, about this datagram
        ConformanceHits::Totals counts;
    };
    ConformanceHits::Totals take_counts(const Talk& talk) const {
        return hits_.total(talk.session.rule);
    }
    std::uint64_t undecided() const {
        std::uint64_t sum = 0;
        for (std::uint32_t i = 0; i < rules(); ++i) sum += hits_.total(i).undecided;
        return sum;
    }

    void check(Talk& talk, const Datagram& datagram, const Before& before, bool passed,
               DropReason reason) {
        count(talk, before.counts, datagram);
        if (!enforces(talk)) fuzz::require(passed, "dropped while watching");
        if (!before.asked) return fuzz::require(passed, "dropped, and nobody was asked");
        if (before.refused)
            return fuzz::require(passed == !enforces(talk), "of a refused session, and it passed");
        if (!before.undecided) return fuzz::require(passed, "of a judged session, and dropped");
        const bool heard = !datagram.payload.empty() && !datagram.dying && !datagram.broken;
        if (!heard) {
            fuzz::require(talk.session.undecided(), "nobody heard it, and it decided");
            const bool fits = datagram.broken && !datagram.dying && !datagram.payload.empty();
            if (!passed)
                fuzz::require(fits && reason == DropReason::bad_l4_checksum, "dropped unheard");
            return;
        }
        talk.said.push_back(datagram.payload);
        judge(talk, datagram, before.recognised, passed);
    }

    // What becomes of a datagram that the session's other end hears. `recognised`: before it.
    void judge(Talk& talk, const Datagram& datagram, bool recognised, bool passed) {
        const bool left = !talk.session.undecided();
        const bool enforce = enforces(talk);
        if (recognised && (datagram.side == kResponder || !enforce))
            return fuzz::require(left && passed, "answered, and still looked at");
        switch (expected(talk, datagram)) {
            case Kind::viable:
                return fuzz::require(passed && !left, "open, and decided");
            case Kind::match:
                talk.waiting = {};
                fuzz::require(passed, "recognised, and dropped");
                fuzz::require(talk.matches == 1, "recognised, and not counted");
                return fuzz::require(
                    left == (!enforce || datagram.side == kResponder),
                    "left alone by its initiator's word, or not by its responder's");
            case Kind::violation:
                fuzz::require(left && talk.reports == 1, "not what it should be, and not reported");
                return fuzz::require(passed == !enforce && talk.session.refused() == enforce,
                                     "not what it should be, and not as its mode says");
        }
    }

    using Kind = Judgement::Kind;
    Kind expected(Talk& talk, const Datagram& datagram) {
        const auto [judgement, media] = inspect::judge_datagram(
            *world_.protocols.find(talk.session.rule), world_.scratch, datagram.payload);
        if (judgement.kind != Kind::viable) return judgement.kind;
        // A session that has lost its record begins anew: then only what happens can be looked at.
        if (talks_.size() > kRecords) {
            if (talk.reports != 0) return Kind::violation;
            return talk.session.undecided() ? Kind::viable : Kind::match;
        }
        Talk::Waiting& waiting = talk.waiting;
        const Millis now = world_.clock;
        if (!waiting.begun) waiting.since = now;
        waiting.begun = true;
        if (now - waiting.since > limits().deadline) {
            for (auto& stream : waiting.streams) stream.pause();
            waiting.keepalives = 0;
            waiting.since = now;
        }
        using Answer = inspect::Continuity::Answer;
        auto& stream = waiting.streams[datagram.side];
        auto answer = Answer::open;
        if (media.kind == MediaKind::rtp)
            answer = stream.rtp(media.ssrc, media.sequence);
        else if (media.kind == MediaKind::rtcp)
            answer = stream.rtcp(media.ssrc);
        else if (++waiting.keepalives > limits().idle_segments)
            answer = Answer::refuted;
        return answer == Answer::open     ? Kind::viable
               : answer == Answer::proven ? Kind::match
                                          : Kind::violation;
    }

    // Of a datagram: what was counted and reported with it.
    void count(Talk& talk, const ConformanceHits::Totals& before, const Datagram& datagram) {
        const auto after = take_counts(talk);
        talk.matches += static_cast<unsigned>(after.matched - before.matched);
        const auto reported = after.refused + after.watched - before.refused - before.watched;
        talk.reports += static_cast<unsigned>(reported);
        fuzz::require(talk.matches <= 1, "matched twice");
        fuzz::require(talk.reports <= 1, "reported twice");
        std::array<DenySample, 2> samples;
        const std::size_t logged = denies_->take(samples);
        fuzz::require(logged == reported, "counted, and not logged");
        if (logged == 0) return;
        const DenySample& sample = samples[0];
        fuzz::require(sample.passed == !enforces(talk), "logged as what it was not");
        fuzz::require(sample.first_count <= sample.first_bytes.size(), "too many first bytes");
        const auto begins = [&](const Bytes& payload) {
            return payload.size() >= sample.first_count &&
                   std::equal(payload.begin(), payload.begin() + sample.first_count,
                              sample.first_bytes.begin());
        };
        fuzz::require(begins(datagram.payload) || std::ranges::any_of(talk.said, begins),
                      "first bytes that nobody has sent");
    }

    World& world_;
    fuzz::Input& in_;
    ConformanceHits hits_;
    std::unique_ptr<DenyRing> denies_ = std::make_unique<DenyRing>();
    Context context_;
    Burst burst_;
    std::vector<Talk> talks_;
};

}  // namespace
}  // namespace portcullis::dataplane

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace portcullis;
    static dataplane::World world;
    fuzz::Input in(data, size);
    dataplane::Run(world, in).run();
    return 0;
}
