#include "tests/eal/replay/expectation.h"

#include <algorithm>

namespace portcullis::dataplane::test {

namespace {

using control::identify::Judgement;
using What = Fate::What;
using Kind = Disagreement::Kind;

class Comparing {
  public:
    Comparing(const RecordedFlow& flow, const Judgement& judgement, const Played& played)
        : flow_(flow),
          judgement_(judgement),
          played_(played),
          tcp_(flow.flow.transport == policy::Transport::tcp) {}

    Comparison compare() {
        const unsigned refused_in = judgement_.refused ? step_of(judgement_.refused_at) : ~0U;
        Onlooker onlooker;
        bool must_reset = false;
        for (std::size_t i = 0; i < flow_.packets.size(); ++i) {
            const RecordedPacket& packet = flow_.packets[i];
            const Excuse excuse = tcp_           ? onlooker.look(packet)
                                  : packet.decoy ? Excuse::wrong_checksum
                                                 : Excuse::none;
            if (packet.number == judgement_.refused_at)
                must_reset = must_be_reset(excuse, onlooker);
            const Fate& fate = played_.fates[i];
            const bool out = fate.what == What::arrived || fate.what == What::altered;
            if (out && fate.step >= refused_in)
                refused(i);
            else if (!out &&
                     (fate.first_step >= refused_in || packet.number == judgement_.refused_at))
                continue;
            else
                allowed(i, excuse);
        }
        if (played_.surprises != 0) add(Kind::surprise, flow_.flow.first_packet);
        const bool any = played_.resets[0] + played_.resets[1] != 0;
        const bool both = played_.resets[0] != 0 && played_.resets[1] != 0;
        if (!judgement_.refused && any) add(Kind::reset, flow_.flow.first_packet);
        if (must_reset && !both) add(Kind::no_reset, judgement_.refused_at);
        return std::move(result_);
    }

  private:
    unsigned step_of(std::uint64_t number) const {
        for (std::size_t i = 0; i < flow_.packets.size(); ++i)
            if (flow_.packets[i].number == number) return played_.fates[i].step;
        return 0;
    }

    // What is dropped for another reason shows nobody that the session is refused.
    bool must_be_reset(Excuse excuse, const Onlooker& onlooker) const {
        return tcp_ && onlooker.has_handshake() && stuck_ == Excuse::none &&
               (excuse == Excuse::none || excuse == Excuse::old || excuse == Excuse::ahead);
    }

    void allowed(std::size_t i, Excuse excuse) {
        const Fate& fate = played_.fates[i];
        if (fate.what == What::arrived) return;
        if (fate.what == What::altered) return add(Kind::altered, flow_.packets[i].number);
        if (fate.what == What::too_long) excuse = Excuse::too_long;
        if (fate.what == What::nobody) {
            excuse = Excuse::nobody;
            unanswered_ = true;
        }
        if (!tcp_ && unanswered_) excuse = Excuse::nobody;
        // A session that passes gets over what was held; one that never will be decided does not.
        const bool held = excuse == Excuse::ahead || excuse == Excuse::urgent;
        if (held && judgement_.passes) excuse = Excuse::none;
        if (held && !judgement_.passes) stuck_ = excuse;
        if (stuck_ != Excuse::none) excuse = stuck_;
        if (excuse != Excuse::none) return excused(excuse, flow_.packets[i].number, fate.why);
        add(Kind::lost, flow_.packets[i].number, fate.why);
    }

    // A handshake carries nothing, and may be another one.
    void refused(std::size_t i) {
        const RecordedPacket& packet = flow_.packets[i];
        if (tcp_ && (read(packet).payload == 0 || read(packet).has(kTcpSyn))) return;
        add(Kind::leaked, packet.number);
    }

    void excused(Excuse excuse, std::uint64_t packet, std::optional<DropReason> why) {
        for (auto& known : result_.excused)
            if (known.excuse == excuse && known.why == why) return void(++known.packets);
        result_.excused.push_back({excuse, packet, 1, why});
    }
    void add(Kind kind, std::uint64_t packet, std::optional<DropReason> why = std::nullopt) {
        for (auto& known : result_.disagreements)
            if (known.kind == kind && known.why == why) return void(++known.packets);
        result_.disagreements.push_back({kind, packet, 1, why});
    }

    const RecordedFlow& flow_;
    const Judgement& judgement_;
    const Played& played_;
    const bool tcp_;
    bool unanswered_ = false;
    Excuse stuck_ = Excuse::none;
    Comparison result_;
};

}  // namespace

std::string_view to_string(Disagreement::Kind kind) {
    switch (kind) {
        case Kind::lost:
            return "lost";
        case Kind::altered:
            return "altered";
        case Kind::reset:
            return "reset";
        case Kind::leaked:
            return "leaked";
        case Kind::no_reset:
            return "no reset";
        case Kind::surprise:
            return "surprise";
    }
    return "lost";
}

Comparison compare(const RecordedFlow& flow, const Judgement& judgement, const Played& played) {
    return Comparing(flow, judgement, played).compare();
}

}  // namespace portcullis::dataplane::test
