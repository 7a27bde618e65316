// Finished frames on their way to a worker's transmit queues, a batch for each device.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <span>
#include <vector>

#include "dataplane/counters.h"

namespace portcullis::dataplane {

struct WorkerDevice;

class Outbox {
  public:
    explicit Outbox(std::span<const WorkerDevice> devices);
    // Takes the frame; a batch that is full is flushed first.
    void put(rte_mbuf* frame, std::uint16_t device, Counters& counters) {
        Queue& queue = queues_[device];
        if (queue.waiting == kBatch) [[unlikely]]
            send(queue, counters);
        queue.frames[queue.waiting++] = frame;
    }
    // Hands every batch to its device: tx, or tx_full for what the device does not take.
    void flush(Counters& counters);

  private:
    static constexpr unsigned kBatch = 64;
    struct Queue {
        std::uint16_t port_id = 0;
        std::uint16_t queue = 0;
        unsigned waiting = 0;
        std::array<rte_mbuf*, kBatch> frames;
    };
    static void send(Queue& queue, Counters& counters);
    std::vector<Queue> queues_;  // by device
};

}  // namespace portcullis::dataplane
