#include "tests/eal/replay/replay.h"

#include <stdexcept>

namespace portcullis::dataplane::test {

namespace {

using control::identify::classes;
using control::identify::Endpoint;
using control::identify::Judge;
using control::identify::Judgement;
using policy::NatKind;
using policy::ProtocolClass;

Judge make_judge() {
    auto judge = Judge::create();
    if (!judge) throw std::runtime_error(judge.error());
    return std::move(*judge);
}

std::string verdict(const Judgement& judgement) {
    if (judgement.passes) return "passes";
    if (!judgement.refused) return "undecided";
    return "refused at packet " + std::to_string(judgement.refused_at) + ": " +
           control::identify::explain(*judgement.refused);
}

std::string text(const Endpoint& end) {
    return end.address.to_string() + ":" + std::to_string(end.port);
}

bool has_payload(const RecordedFlow& flow) {
    for (const auto& packet : flow.flow.packets)
        if (!packet.payload.empty()) return true;
    return false;
}

}  // namespace

Replay::Replay(Report report, bool verbose)
    : judge_(make_judge()), report_(std::move(report)), verbose_(verbose) {}

bool Replay::run(const std::string& file) {
    const Recording recording = read_recording(file);
    if (!recording.error.empty()) report_(recording.error);
    if (recording.flows.empty() && !recording.error.empty()) return false;
    ++tally_.files;
    for (const auto& flow : recording.flows) run(file, flow);
    return true;
}

// All kinds of translation where the flow passes, for there every packet counts; the first of the
// others with one kind alone.
void Replay::run(const std::string& file, const RecordedFlow& flow) {
    constexpr unsigned kBurst = 32;
    ++tally_.flows;
    tally_.packets += flow.packets.size();
    if (!flow.flow.has_start || !has_payload(flow) || flow.packets.empty() ||
        (flow.flow.transport == policy::Transport::tcp &&
         (flow.packets[0].segment[13] & 0x12) != 0x02)) {
        ++tally_.not_played;
        return;
    }
    bool passed = false;
    for (std::size_t i = 0; i < classes().size(); ++i) {
        const ProtocolClass protocol = classes()[i];
        if (policy::is_stream(protocol) != (flow.flow.transport == policy::Transport::tcp))
            continue;
        Judgement judgement = judge_.judge(i, flow.flow, flow.order);
        if (liar_) liar_(judgement);
        run(file, flow, protocol, judgement, NatKind::full, 1);
        run(file, flow, protocol, judgement, NatKind::none, kBurst);
        if (!judgement.passes || passed) continue;
        passed = true;
        run(file, flow, protocol, judgement, NatKind::dnat, 1);
        run(file, flow, protocol, judgement, NatKind::snat, 1);
    }
}

void Replay::run(const std::string& file, const RecordedFlow& flow, ProtocolClass protocol,
                 const Judgement& judgement, NatKind nat, unsigned burst) {
    const Family family = flow.flow.initiator.address.family();
    const Played played = play(stage_, flow, stage_.scene(nat, protocol, family), burst);
    const Comparison comparison = compare(flow, judgement, played);
    ++tally_.plays;
    ++(judgement.passes ? tally_.passed : judgement.refused ? tally_.refused : tally_.undecided);
    for (const Fate& fate : played.fates) tally_.held += fate.was_held ? 1U : 0U;
    const auto tell = [&](std::uint64_t packet, std::size_t packets, std::string_view what,
                          const std::optional<DropReason>& why) {
        std::string line = file + ": #" + std::to_string(flow.flow.first_packet) + " " +
                           std::string(to_string(flow.flow.transport)) + " " +
                           text(flow.flow.initiator) + " > " + text(flow.flow.responder) + " as " +
                           std::string(to_string(protocol)) + ", nat " +
                           std::string(to_string(nat)) + ", burst " + std::to_string(burst) +
                           ": packet " + std::to_string(packet) + " " + std::string(what);
        if (why) line += " (" + std::string(to_string(*why)) + ")";
        if (packets > 1) line += ", and " + std::to_string(packets - 1) + " more";
        report_(line + "; identify: " + verdict(judgement));
    };
    for (const auto& [excuse, packet, packets, why] : comparison.excused) {
        tally_.excused[static_cast<unsigned>(excuse)] += packets;
        if (verbose_ && judgement.passes)
            tell(packet, packets, "excused, " + std::string(to_string(excuse)), why);
    }
    for (const auto& [kind, packet, packets, why] : comparison.disagreements) {
        ++tally_.disagreements;
        tell(packet, packets, to_string(kind), why);
    }
}

}  // namespace portcullis::dataplane::test
