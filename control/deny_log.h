// The deny log: what the data plane sampled of the packets it denied, one line each, with the rule
// and the reason in words. At most so many lines a pull (a second); how many more there were is
// said.
#pragma once

#include <deque>

#include "control/event_loop.h"
#include "control/views.h"

namespace portcullis::control {

class DenyLog {
  public:
    static constexpr std::size_t kKept = 256;  // for the method `denies`
    using Write = std::function<void(const std::string& line)>;

    explicit DenyLog(unsigned lines_per_pull, Write write)
        : lines_per_pull_(lines_per_pull), write_(std::move(write)) {}

    // What one pull brought.
    void take(const std::vector<peer::DenyRecord>& records, const PolicyPtr& policy);
    Json recent() const { return Json(recent_); }  // oldest first

  private:
    unsigned lines_per_pull_;
    Write write_;
    std::deque<Json> recent_;
};

}  // namespace portcullis::control
