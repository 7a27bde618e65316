#include "dataplane/outbox.h"

#include <rte_ethdev.h>

#include "dataplane/worker.h"

namespace portcullis::dataplane {

Outbox::Outbox(std::span<const WorkerDevice> devices) : queues_(devices.size()) {
    for (const WorkerDevice& device : devices) {
        queues_[device.device].port_id = device.port_id;
        queues_[device.device].queue = device.tx_queue;
    }
}

void Outbox::flush(Counters& counters) {
    for (Queue& queue : queues_)
        if (queue.waiting != 0) send(queue, counters);
}

void Outbox::send(Queue& queue, Counters& counters) {
    const std::uint16_t sent = rte_eth_tx_burst(queue.port_id, queue.queue, queue.frames.data(),
                                                static_cast<std::uint16_t>(queue.waiting));
    counters.tx.add(sent);
    if (sent < queue.waiting) {
        counters.drop(DropReason::tx_full, queue.waiting - sent);
        rte_pktmbuf_free_bulk(queue.frames.data() + sent, queue.waiting - sent);
    }
    queue.waiting = 0;
}

}  // namespace portcullis::dataplane
