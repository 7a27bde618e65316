#include "perf/traffic/search.h"

#include <algorithm>

namespace portcullis::traffic {
namespace {

constexpr double kSettle = 0.1;            // of a trial: does not count
constexpr double kLowestShare = 1.0 / 64;  // of the highest rate: below it the search gives up

class Search {
  public:
    Search(Bench& bench, TrialPlan trial, const SearchPlan& plan)
        : bench_(bench), trial_(std::move(trial)), plan_(plan) {
        trial_.warm_up = kSettle;
        trial_.seconds = plan.seconds;
        trial_.ramp = false;
        trial_.window_ms = 0;
    }

    SearchResult run() {
        double above = plan_.highest != 0 ? plan_.highest : fastest();
        if (passes(above)) return finish(above);
        double below = 0;
        while (!result_.stopped && above - below > plan_.resolution * above) {
            const double middle = (above + below) / 2;
            if (middle < lowest_) break;
            (passes(middle) ? below : above) = middle;
        }
        return finish(below);
    }

  private:
    double fastest() {
        trial_.rate = 0;
        const TrialResult result = run_trial(bench_, trial_);
        ++result_.trials;
        result_.stopped = result.stopped;
        return static_cast<double>(result.sent) / result.seconds;
    }

    bool passes(double rate) {
        if (lowest_ == 0) lowest_ = rate * kLowestShare;
        trial_.rate = rate;
        for (unsigned failed = 0; failed < plan_.failures && !result_.stopped; ++failed) {
            const TrialResult result = run_trial(bench_, trial_);
            ++result_.trials;
            result_.stopped = result.stopped;
            if (result.loss() > plan_.tolerance) continue;
            loss_ = result.loss();
            return true;
        }
        return false;
    }

    SearchResult finish(double rate) {
        result_.rate = rate;
        result_.loss = loss_;
        return result_;
    }

    Bench& bench_;
    TrialPlan trial_;
    const SearchPlan& plan_;
    double lowest_ = 0;
    double loss_ = 0;  // of the last trial that passed
    SearchResult result_;
};

}  // namespace

SearchResult find_no_drop_rate(Bench& bench, TrialPlan trial, const SearchPlan& plan) {
    return Search(bench, std::move(trial), plan).run();
}

}  // namespace portcullis::traffic
