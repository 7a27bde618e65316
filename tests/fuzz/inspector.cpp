// The inspector between a sender of segments in any order, cut and overlap, and a receiver.
//
// What is held against it:
//   enforce  the receiver is sent the stream without a gap, and no byte twice with two values as long
//            as the verdict rests on it; at each step the verdict is that of the same bytes in one
//            segment
//   watch    everything is forwarded
//   genuine  a sender of one of the streams below, who repeats what was dropped, is never refused
//
// An input says class, mode and stream, then what happens, a byte and its operands each.
#include "rules/inspect/inspector.h"

#include <array>
#include <map>
#include <vector>

#include "rules/signatures/compile.h"
#include "tests/fuzz/fuzz.h"

namespace portcullis {
namespace {

using namespace inspect;
using policy::ConformanceMode;
using policy::ProtocolClass;
using Bytes = std::vector<std::uint8_t>;

constexpr std::array kClasses = {ProtocolClass::sip_tls,  ProtocolClass::http,
                                 ProtocolClass::xmpp,     ProtocolClass::dns_tcp,
                                 ProtocolClass::turn_tcp, ProtocolClass::media_tcp};
constexpr std::uint32_t kFirst = 0xfffffff0;  // sequence numbers wrap on the way
constexpr std::size_t kLongest = 2048;
const policy::IpAddress kSource = policy::IpAddress::from_v4(0xc6336419);

Limits limits() {
    Limits made;
    made.records = 8;
    made.medium = 2;
    made.large = 2;
    return made;
}

template <typename Value, typename Error>
Value value(tl::expected<Value, Error> result) {
    fuzz::require(result.has_value(), "the target could not be set up");
    return std::move(*result);
}

// Everything that is made once.
struct World {
    Protocols protocols = make_protocols();
    Scratch scratch = value(protocols.make_scratch());
    std::unique_ptr<Inspector> inspector = value(Inspector::create(limits()));
    std::unique_ptr<Inspector> oracle = value(Inspector::create(limits()));
    Millis clock = 0;

    static Protocols make_protocols() {
        policy::Policy policy;
        for (const auto protocol : kClasses) {
            policy::Conformance conformance;
            conformance.protocol = protocol;
            conformance.mode = ConformanceMode::enforce;
            conformance.database = static_cast<std::uint32_t>(policy.databases.size());
            policy.conformance.push_back(conformance);
            policy.databases.push_back(value(signatures::compile(protocol)));
        }
        return value(Protocols::build(policy));
    }
};

// Not inlined: g++ 12 sees overflows in vectors of known size that there are none of.
[[gnu::noinline]] void append(Bytes& bytes, const Bytes& more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
}

Bytes client_hello() {
    Bytes body = {3, 3};
    append(body, Bytes(32, 0x5a));
    const Bytes rest = {0, 0,  4, 0x13, 1, 0xc0, 0x2f, 1,   0,   0,   15,  0,   0,
                        0, 11, 0, 9,    0, 0,    6,    'e', 'd', 'g', 'e', '.', 'x'};
    append(body, rest);
    const auto length = static_cast<std::uint8_t>(body.size());
    Bytes hello = {0x16, 3, 1, 0, static_cast<std::uint8_t>(length + 4), 1, 0, 0, length};
    append(hello, body);
    return hello;
}

Bytes pseudo_tls_and_turn() {
    Bytes stream = {0x16, 3, 1, 0, 0x2d, 1, 0, 0, 0x29, 3, 1};
    append(stream, Bytes(32, 0x77));
    const Bytes end = {0, 0, 2, 0, 0x18, 1, 0};
    append(stream, end);
    // An Allocate request whose only attribute is the cookie, framed.
    const Bytes frame = {2, 0, 0, 28, 0, 3, 0, 8};
    append(stream, frame);
    append(stream, Bytes(16, 0x31));
    const Bytes cookie = {0, 0x0f, 0, 4, 0x72, 0xc6, 0x4b, 0xc6};
    append(stream, cookie);
    return stream;
}

Bytes text(std::string_view from) {
    return {from.begin(), from.end()};
}

// By class, in the order of kClasses.
const std::array<Bytes, kClasses.size()>& genuine() {
    static const std::array<Bytes, kClasses.size()> streams = {
        client_hello(),
        text("GET /abs/handler HTTP/1.1\r\nHost: lync.contoso.com\r\n\r\n"),
        text("<?xml version='1.0'?><stream:stream to='contoso.com' xmlns='jabber:server'>"),
        Bytes{0,   30,  0x12, 0x34, 1,   0,   0,   1,   0,   0,   0,   0, 0, 0, 4, 's',
              'i', 'p', '1',  7,    'c', 'o', 'n', 't', 'o', 's', 'o', 0, 0, 1, 0, 1},
        pseudo_tls_and_turn(),
        pseudo_tls_and_turn(),
    };
    return streams;
}

enum class Answer { viable, match, violation };

// What is said of the stream's first bytes, had they come at once.
Answer at_once(World& world, const Protocol& protocol, std::span<const std::uint8_t> stream) {
    Inspection record = kNoInspection;
    Segment segment;
    segment.sequence = kFirst;
    segment.payload = stream;
    world.clock += 1;
    const auto outcome = world.oracle->initiator_segment(record, kFirst, protocol, world.scratch,
                                                         segment, kSource, world.clock);
    world.oracle->close(record);
    if (outcome.matched) return Answer::match;
    return outcome.reported ? Answer::violation : Answer::viable;
}

class Conversation {
  public:
    Conversation(World& world, fuzz::Input& in) : world_(world), in_(in) {
        const auto which = in.below(kClasses.size());
        protocol_ = *world.protocols.find(static_cast<std::uint32_t>(which));
        enforce_ = (in.u8() & 1) == 0;
        if (!enforce_) protocol_.mode = ConformanceMode::watch;
        genuine_ = (in.u8() & 1) == 0;
        if (genuine_) {
            stream_ = genuine()[which];
        } else {
            const auto made_up = in.take(in.below(kLongest));
            stream_.assign(made_up.begin(), made_up.end());
        }
        began_ = world.clock += 1;
    }

    void run() {
        for (unsigned steps = 0; !in_.empty() && !done_ && steps < 400; ++steps) step();
        if (genuine_ && honest_) finish();
        world_.inspector->close(record_);
    }

  private:
    void step() {
        switch (in_.below(8)) {
            case 0:
            case 1:
            case 2: {
                const auto at = in_.below(stream_.size() + 1);
                return send(at, piece(at, 1 + in_.below(64)));
            }
            case 3:
                return send(received_.size(), piece(received_.size(), 1 + in_.below(8)));
            case 4: {
                const auto at = in_.below(stream_.size() + 8);
                auto bytes = piece(at, 1 + in_.below(64));
                if (bytes.empty()) bytes.push_back(0);
                bytes[in_.below(bytes.size())] ^= static_cast<std::uint8_t>(1 + in_.below(255));
                honest_ = false;
                return send(at, bytes);
            }
            case 5:
                honest_ = false;
                return respond(in_.below(100), received_.size());
            case 6:
                if (in_.below(4) != 0) return respond(0, received_.size());
                honest_ = false;
                return respond(0, in_.below(stream_.size() + 4));
            default:
                world_.clock += 16 * in_.below(256);
        }
    }

    Bytes piece(std::size_t at, std::size_t length) const {
        if (at >= stream_.size()) return {};
        const auto begin = stream_.begin() + static_cast<std::ptrdiff_t>(at);
        return {begin, begin + static_cast<std::ptrdiff_t>(std::min(length, stream_.size() - at))};
    }

    void send(std::size_t at, const Bytes& payload) {
        if (payload.empty() || done_) return;
        Segment segment;
        segment.sequence = kFirst + static_cast<std::uint32_t>(at);
        segment.payload = payload;
        const bool is_new = brings_new(at, payload.size());
        follow(world_.inspector->initiator_segment(record_, kFirst, protocol_, world_.scratch,
                                                   segment, kSource, world_.clock),
               at, payload);
        in_a_row_ = is_new ? 0 : in_a_row_ + 1;
    }

    bool brings_new(std::size_t at, std::size_t length) const {
        if (enforce_) return at <= received_.size() && at + length > received_.size();
        for (std::size_t i = at; i < at + length; ++i)
            if (i >= received_.size() && ahead_.count(i) == 0) return true;
        return false;
    }

    void respond(std::size_t bytes, std::size_t acknowledged) {
        if (done_) return;
        const Bytes payload(bytes, 's');
        Segment segment;
        segment.ack = kFirst + static_cast<std::uint32_t>(acknowledged);
        segment.has_ack = true;
        segment.payload = payload;
        // As the data plane: acknowledgements matter once there is a record.
        if (bytes == 0 && record_ == kNoInspection) return;
        follow(world_.inspector->responder_segment(record_, protocol_, world_.scratch, segment,
                                                   world_.clock),
               0, {});
    }

    void follow(const Outcome& outcome, std::size_t at, const Bytes& payload) {
        fuzz::require(!(outcome.matched && outcome.reported), "matched, and refused");
        fuzz::require(!outcome.matched || !matched_, "matched twice");
        fuzz::require(!outcome.reported || outcome.done, "refused, and not done");
        fuzz::require(outcome.first_bytes.size() <= 32, "more first bytes than promised");
        if (enforce_)
            fuzz::require(!outcome.reported || !outcome.forward, "refused, and forwarded");
        else
            fuzz::require(outcome.forward, "dropped while watching");
        if (outcome.reported && genuine_ && honest_) require_reason(outcome.why);
        done_ = outcome.done;
        if (outcome.forward && !payload.empty()) receive(at, payload);
        if (enforce_ && !payload.empty()) require_same_verdict(outcome);
        if (outcome.matched) matched_ = true;
    }

    // The receiver, who must never have to choose between two values of what was judged.
    void receive(std::size_t at, const Bytes& payload) {
        if (enforce_ && !matched_) fuzz::require(at <= received_.size(), "forwarded behind a gap");
        for (std::size_t i = 0; i < payload.size(); ++i) {
            if (at + i < received_.size() && enforce_ && at + i < judged()) {
                // A keepalive's byte may be any, and no receiver takes it.
                const bool keepalive = payload.size() == 1;
                fuzz::require(keepalive || payload[i] == received_[at + i],
                              "forwarded twice, with two values");
            }
            if (at + i == received_.size()) received_.push_back(payload[i]);
            if (at + i > received_.size()) ahead_.emplace(at + i, payload[i]);
        }
        for (auto next = ahead_.find(received_.size()); next != ahead_.end();
             next = ahead_.find(received_.size())) {
            received_.push_back(next->second);
            ahead_.erase(next);
        }
    }
    // So many bytes may not change: those that the verdict rests on.
    std::size_t judged() {
        if (!matched_) return received_.size();
        if (judged_ == 0)
            for (judged_ = 1; judged_ < received_.size(); ++judged_)
                if (at_once(world_, protocol_, std::span(received_).first(judged_)) ==
                    Answer::match)
                    break;
        return judged_;
    }

    void require_same_verdict(const Outcome& outcome) {
        if (matched_ || received_.empty()) return;
        const auto answer = at_once(world_, protocol_, received_);
        if (outcome.matched)
            fuzz::require(answer == Answer::match, "matched in pieces, and not at once");
        else if (!outcome.reported && outcome.forward)
            // A violation may be found later: nobody looks again at each byte of a long message.
            fuzz::require(answer != Answer::match, "open in pieces, and matched at once");
    }

    void require_reason(Violation why) const {
        const bool slow = why == Violation::too_slow && world_.clock - began_ > limits().deadline;
        const bool idle =
            why == Violation::too_many_segments && in_a_row_ >= limits().idle_segments;
        fuzz::require(slow || idle, "a genuine stream was refused: " + explain(why, limits()));
        honest_end_ = true;
    }

    // Whatever came before, the rest of a genuine stream is accepted.
    void finish() {
        const bool in_time = world_.clock - began_ <= limits().deadline;
        if (honest_end_ || !in_time || done_) return;
        if (received_.size() < stream_.size())
            send(received_.size(), piece(received_.size(), stream_.size()));
        fuzz::require(matched_, "a genuine stream that was not recognised");
        respond(0, received_.size());
        fuzz::require(done_, "recognised and acknowledged, and still looked at");
    }

    World& world_;
    fuzz::Input& in_;
    Protocol protocol_;
    bool enforce_ = true, genuine_ = true;
    bool honest_ = true;  // nobody has done what a genuine client or server would not
    mutable bool honest_end_ = false;
    bool done_ = false, matched_ = false;
    Bytes stream_, received_;
    std::map<std::size_t, std::uint8_t> ahead_;  // received behind a gap
    std::size_t judged_ = 0;
    std::uint32_t in_a_row_ = 0;
    Inspection record_ = kNoInspection;
    Millis began_ = 0;
};

}  // namespace
}  // namespace portcullis

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace portcullis;
    static World world;
    fuzz::Input in(data, size);
    Conversation(world, in).run();
    fuzz::require(world.inspector->undecided() == 0, "a record that nobody holds");
    return 0;
}
