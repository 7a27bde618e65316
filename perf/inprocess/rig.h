// Two devices, the workers over them, and a table full of established sessions.
//
//     Rig rig(options);  rig.establish();  rig.feed();  then poll_workers() / macswap() per thread
#pragma once

#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>

#include <memory>
#include <string>
#include <vector>

#include "dataplane/worker.h"
#include "perf/inprocess/supply.h"

namespace portcullis::perf {

class Rig {
  public:
    explicit Rig(const Options& options);  // throws std::runtime_error: a sentence
    ~Rig();
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;

    // On the calling thread, worker after worker: opens every flow and answers it.
    void establish();
    // From here on the devices deliver the options' load.
    void feed();

    dataplane::Worker& worker(unsigned index) { return *workers_[index]; }
    // The floor: what the devices cost. Receives on both, swaps the MAC addresses, sends on the
    // other one. Returns packets.
    unsigned macswap(unsigned worker);

    std::uint64_t sessions() const;
    double bytes_per_session() const;  // all tables of all workers over their capacity
    std::uint64_t dropped() const;
    std::string drops() const;
    std::uint64_t handed_out() const;
    std::uint64_t received() const;

  private:
    void open_devices();
    std::uint16_t open(const std::string& name, const std::string& arguments);
    std::string write_pcap() const;
    void make_workers();
    void publish();
    void poll_until_quiet(unsigned worker);
    void learn_replies(unsigned worker, std::uint32_t first, std::uint32_t count);
    Supply& supply(unsigned worker, std::uint16_t device) {
        return *supplies_[worker * 2 + device];
    }

    const Options options_;
    Frames frames_;
    std::vector<rte_mempool*> pools_;  // [worker]
    std::uint16_t ports_[2] = {0, 0};
    std::vector<std::unique_ptr<Supply>> supplies_;  // [worker * 2 + device]
    std::vector<std::vector<std::uint32_t>> owned_;  // [worker]: flows
    dataplane::NeighbourTable neighbours_{64};
    std::unique_ptr<dataplane::Switchboard> switchboard_;
    dataplane::PolicySlot slot_{nullptr};
    rte_rcu_qsbr* qsbr_ = nullptr;
    dataplane::Sessions::Config sessions_;
    std::unique_ptr<dataplane::ActivePolicy> policy_;
    std::vector<std::unique_ptr<dataplane::Worker>> workers_;
};

}  // namespace portcullis::perf
