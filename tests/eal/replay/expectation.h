// What `portcullis identify` says of a flow, and whether what the data plane did to it agrees.
//
//     passes, undecided:  every packet comes out, and nobody is sent a RST of ours
//     refused:            likewise up to the packet that shows it; neither that one nor any behind it
//                         comes out, and TCP is reset towards both ends
//
// Some packets a stateful firewall may drop, whoever sent them: Excuse has them all.
#pragma once

#include <string>
#include <vector>

#include "control/identify/judge.h"
#include "tests/eal/replay/onlooker.h"
#include "tests/eal/replay/player.h"

namespace portcullis::dataplane::test {

struct Disagreement {
    enum class Kind : std::uint8_t {
        lost,      // it should have come out
        altered,   // it came out changed
        reset,     // a RST of ours in a flow that passes
        leaked,    // it came out of a flow that was refused
        no_reset,  // a TCP flow was refused, and one end does not know
        surprise,  // something came out that nobody sent
    };
    Kind kind = Kind::lost;
    std::uint64_t packet = 0;       // its number in the capture; the first of its kind
    std::size_t packets = 1;        // of this kind in this flow
    std::optional<DropReason> why;  // lost
};
std::string_view to_string(Disagreement::Kind kind);  // "lost"

struct Excused {
    Excuse excuse = Excuse::none;
    std::uint64_t packet = 0;  // the first of its kind
    std::size_t packets = 1;
    std::optional<DropReason> why;
};

struct Comparison {
    std::vector<Disagreement> disagreements;  // at most one of each kind and reason
    std::vector<Excused> excused;             // likewise
};
Comparison compare(const RecordedFlow& flow, const control::identify::Judgement& judgement,
                   const Played& played);

}  // namespace portcullis::dataplane::test
