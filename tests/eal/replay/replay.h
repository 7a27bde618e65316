// Every flow of a capture, played through the data plane as each class that can be enforced, and held
// against what `portcullis identify` says of it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tests/eal/replay/expectation.h"

namespace portcullis::dataplane::test {

struct Tally {
    std::size_t files = 0, flows = 0, packets = 0, plays = 0;
    std::size_t passed = 0, refused = 0, undecided = 0;  // plays, by what identify says
    std::size_t not_played = 0;                          // flows that are not played
    std::size_t held = 0;                                // packets that were sent again
    std::size_t disagreements = 0;
    std::size_t excused[kExcuses] = {};
};

class Replay {
  public:
    // Hears of each disagreement, in a line; `verbose`: and of what of a flow that passes is excused.
    using Report = std::function<void(const std::string&)>;
    explicit Replay(Report report, bool verbose = false);

    // False where it cannot be read: then `report` has heard why.
    bool run(const std::string& file);
    const Tally& tally() const { return tally_; }
    // What to say instead of identify, to see that it is noticed.
    using Liar = std::function<void(control::identify::Judgement&)>;
    void lie(Liar liar) { liar_ = std::move(liar); }

  private:
    void run(const std::string& file, const RecordedFlow& flow);
    void run(const std::string& file, const RecordedFlow& flow, policy::ProtocolClass protocol,
             const control::identify::Judgement& judgement, policy::NatKind nat, unsigned burst);

    Stage stage_;
    control::identify::Judge judge_;
    Report report_;
    bool verbose_;
    Liar liar_;
    Tally tally_;
};

}  // namespace portcullis::dataplane::test
