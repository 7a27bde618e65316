// A worker's sessions for `portcullis sessions`: a command that visits the table slice by slice.
#pragma once

#include <vector>

#include "dataplane/worker.h"
#include "rules/peer/messages.h"

namespace portcullis::dataplane {

class SessionListing : public WorkerCommand {
  public:
    // Main: reserves query.limit records, so that run() never allocates.
    explicit SessionListing(const peer::SessionQuery& query);
    bool run(Worker& worker) override;
    // Once done(). `interface` is a wire id (packet.h); `rule` an index in the policy of the
    // session's generation.
    const std::vector<peer::SessionRecord>& records() const { return records_; }

  private:
    peer::SessionQuery query_;
    std::vector<peer::SessionRecord> records_;
    std::uint32_t next_slot_ = 0;
};

}  // namespace portcullis::dataplane
