#include "tests/eal/worker_rig.h"

#include <gtest/gtest.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

#include <algorithm>
#include <stdexcept>

namespace portcullis::dataplane::test {

namespace {

// Names are process-wide, and every test makes its own rig.
std::string unique(const std::string& name) {
    static unsigned next = 0;
    return name + std::to_string(next++);
}

template <class T>
T must(T value, const char* what) {
    if (!value) throw std::runtime_error(what);
    return value;
}

Sent take_apart(const Bytes& frame) {
    Sent sent;
    sent.frame = frame;
    std::copy_n(frame.begin(), 6, sent.destination.begin());
    std::copy_n(frame.begin() + 6, 6, sent.source.begin());
    std::size_t at = 12;
    if (get16(frame, at) == 0x8100) {
        sent.vlan = static_cast<std::uint16_t>(get16(frame, 14));
        at = 16;
    }
    sent.packet.family = get16(frame, at) == 0x0800 ? Family::ipv4 : Family::ipv6;
    sent.packet.bytes.assign(frame.begin() + static_cast<std::ptrdiff_t>(at) + 2, frame.end());
    const bool v4 = sent.packet.family == Family::ipv4;
    sent.packet.l4 = v4 ? 20 : 40;
    sent.packet.protocol = sent.packet.bytes[v4 ? 9 : 6];
    return sent;
}

}  // namespace

IpAddress Sent::packet_address(unsigned v4, unsigned v6) const {
    if (packet.family == Family::ipv4) return IpAddress::from_v4(get32(packet.bytes, v4));
    std::array<std::uint8_t, 16> bytes;
    std::copy_n(packet.bytes.begin() + v6, 16, bytes.begin());
    return IpAddress::from_bytes(bytes);
}

Bytes Sent::payload() const {
    const unsigned header = packet.protocol == 6 ? packet.bytes[packet.l4 + 12] / 16U * 4 : 8U;
    return {packet.bytes.begin() + packet.l4 + header, packet.bytes.end()};
}

Rig::Rig(const RigOptions& options) : options_(options) {
    pool_ = must(rte_pktmbuf_pool_create(unique("rig_pool").c_str(), 8191, 0, kMbufPrivateBytes,
                                         2048 + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY),
                 "no pool");
    for (std::vector<rte_ring*>* rx : {&rx_[kWan], &rx_[kDmz]})
        for (unsigned w = 0; w < options.workers; ++w) rx->push_back(ring("rig_rx", 1024));
    for (std::vector<rte_ring*>* tx : {&tx_[kWan], &tx_[kDmz]})
        for (unsigned w = 0; w < options.workers; ++w)
            tx->push_back(ring("rig_tx", options.tx_ring_size));
    for (const std::uint16_t device : {kWan, kDmz})
        ports_.push_back(make_device(unique("rig_dev"), rx_[device], tx_[device]));

    auto board = Switchboard::create(options.workers, options.ring_size);
    if (!board) throw std::runtime_error(board.error());
    switchboard_ = std::move(*board);
    const std::size_t qsbr_bytes = rte_rcu_qsbr_get_memsize(options.workers);
    qsbr_ = static_cast<rte_rcu_qsbr*>(must(rte_zmalloc(nullptr, qsbr_bytes, 64), "no memory"));
    rte_rcu_qsbr_init(qsbr_, options.workers);

    sessions_.capacity = options.sessions;
    sessions_.hash_key = {1, 2, 3, 4};
    const Clock clock(options.already_running);
    for (unsigned w = 0; w < options.workers; ++w) {
        WorkerConfig config;
        config.index = w;
        for (const std::uint16_t device : {kWan, kDmz}) {
            WorkerDevice given;
            given.device = device;
            given.port_id = ports_[device];
            given.rx_queue = given.tx_queue = static_cast<std::uint16_t>(w);
            given.mac = device == kWan ? kWanMac : kDmzMac;
            config.devices.push_back(given);
        }
        config.pool = pool_;
        config.sessions = sessions_;
        config.inspection = options.inspection;
        config.clock = clock;
        config.slot = &slot_;
        config.qsbr = qsbr_;
        config.neighbours = &neighbours_;
        config.switchboard = switchboard_.get();
        auto worker = Worker::create(std::move(config));
        if (!worker) throw std::runtime_error(worker.error());
        workers_.push_back(std::move(*worker));
    }
    learn({kWan, 0}, ip("192.0.2.254"), 0xfe);
    learn({kWan, 0}, ip("2001:db8:2::fe"), 0xfe);
    for (const std::uint8_t last :
         {std::uint8_t{11}, std::uint8_t{12}, std::uint8_t{31}, std::uint8_t{32}}) {
        learn({kDmz, kDmzVlan}, ip("203.0.113." + std::to_string(last)), last);
        learn({kDmz, kDmzVlan}, ip("2001:db8:113::" + std::to_string(last)), last);
    }
}

Rig::~Rig() {
    switchboard_->drain(main_);
    for (const std::uint16_t port : ports_) {
        rte_eth_dev_stop(port);
        rte_eth_dev_close(port);
    }
    for (rte_ring* r : rings_) {
        void* packet;
        while (rte_ring_dequeue(r, &packet) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
        rte_ring_free(r);
    }
    workers_.clear();
    switchboard_.reset();
    EXPECT_EQ(rte_mempool_in_use_count(pool_), 0U) << "packets leaked";
    rte_mempool_free(pool_);
    rte_free(qsbr_);
}

rte_ring* Rig::ring(const std::string& name, unsigned size) {
    rings_.push_back(must(
        rte_ring_create(unique(name).c_str(), size, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ),
        "no ring"));
    return rings_.back();
}

std::uint16_t Rig::make_device(const std::string& name, std::vector<rte_ring*>& rx,
                               std::vector<rte_ring*>& tx) {
    const int made = rte_eth_from_rings(name.c_str(), rx.data(), static_cast<unsigned>(rx.size()),
                                        tx.data(), static_cast<unsigned>(tx.size()), 0);
    if (made < 0) throw std::runtime_error("no ring device");
    const auto port = static_cast<std::uint16_t>(made);
    const auto queues = static_cast<std::uint16_t>(rx.size());
    const rte_eth_conf conf{};
    must(rte_eth_dev_configure(port, queues, queues, &conf) == 0, "configure");
    for (std::uint16_t q = 0; q < queues; ++q) {
        must(rte_eth_rx_queue_setup(port, q, 1024, 0, nullptr, pool_) == 0, "rx queue");
        must(rte_eth_tx_queue_setup(port, q, 1024, 0, nullptr) == 0, "tx queue");
    }
    must(rte_eth_dev_start(port) == 0, "start");
    return port;
}

void Rig::publish(const policy::Policy& policy) {
    const RuntimePolicy* previous = policies_.empty() ? nullptr : policies_.back()->policy.get();
    auto runtime =
        RuntimePolicy::build(policy, {}, static_cast<std::uint32_t>(policies_.size() + 1),
                             {"wan", "dmz"}, previous, 0x1234567);
    if (!runtime) throw std::runtime_error(runtime.error());
    auto active = ActivePolicy::make(std::move(*runtime), sessions_, options_.workers);
    if (!active) throw std::runtime_error(active.error());
    policies_.push_back(std::move(*active));
    slot_.store(policies_.back().get(), std::memory_order_release);
}

rte_mbuf* Rig::make(const Bytes& frame) {
    rte_mbuf* packet = must(rte_pktmbuf_alloc(pool_), "pool empty");
    char* to = must(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size())),
                    "frame too long");
    std::copy(frame.begin(), frame.end(), to);
    return packet;
}

bool Rig::send(std::uint16_t device, const Bytes& frame, unsigned worker) {
    rte_mbuf* packet = make(frame);
    if (rte_ring_enqueue(rx_[device][worker], packet) == 0) return true;
    rte_pktmbuf_free(packet);
    return false;
}

bool Rig::from_wan(const TestPacket& packet, unsigned worker) {
    return send(kWan, ethernet(kWanMac, kGatewayMac, 0, packet), worker);
}

bool Rig::from_dmz(const TestPacket& packet, unsigned worker) {
    return send(kDmz, ethernet(kDmzMac, {0x02, 0, 0, 0, 0, 0x11}, kDmzVlan, packet), worker);
}

void Rig::pump() {
    unsigned moved = 1;
    while (moved != 0) {
        moved = 0;
        for (const auto& worker : workers_) moved += worker->poll();
    }
}

void Rig::sweep() {
    const Millis now = workers_.front()->now();
    while (workers_.front()->now() == now) continue;
    pump();
}

std::vector<Sent> Rig::sent(std::uint16_t device) {
    std::vector<Sent> all;
    for (rte_ring* r : tx_[device]) {
        void* packet;
        while (rte_ring_dequeue(r, &packet) == 0) {
            auto* mbuf = static_cast<rte_mbuf*>(packet);
            const auto* data = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
            EXPECT_EQ(mbuf->pkt_len, mbuf->data_len);
            all.push_back(take_apart(Bytes(data, data + mbuf->data_len)));
            rte_pktmbuf_free(mbuf);
        }
    }
    return all;
}

Sent Rig::one_sent(std::uint16_t device) {
    auto all = sent(device);
    EXPECT_EQ(all.size(), 1U) << "device " << device << "; drops: " << drops();
    if (all.empty()) throw std::runtime_error("nothing was sent");
    return all.front();
}

std::vector<Punted> Rig::punted() {
    std::vector<Punted> all;
    rte_mbuf* packets[32];
    while (const unsigned n = switchboard_->take(packets, main_)) {
        for (unsigned i = 0; i < n; ++i) {
            const auto* data = rte_pktmbuf_mtod(packets[i], const std::uint8_t*);
            all.push_back({note_of(*packets[i]), Bytes(data, data + packets[i]->data_len)});
            rte_pktmbuf_free(packets[i]);
            main_.consumed.add();
        }
    }
    return all;
}

NeighbourId Rig::learn(Attachment at, const IpAddress& next_hop, std::uint8_t last) {
    const NeighbourId id = neighbours_.add(at, next_hop);
    neighbours_.set(id, NeighbourState::reachable, {0x02, 0, 0, 0, 0, last});
    return id;
}

std::uint64_t Rig::total(Counter Counters::*counter) const {
    std::uint64_t sum = (main_.*counter).get();
    for (const auto& worker : workers_) sum += (worker->counters().*counter).get();
    return sum;
}

std::uint64_t Rig::dropped(DropReason reason) const {
    std::uint64_t sum = main_.dropped(reason);
    for (const auto& worker : workers_) sum += worker->counters().dropped(reason);
    return sum;
}

std::string Rig::drops() const {
    std::string text;
    for (unsigned i = 0; i < kDropReasonCount; ++i) {
        const auto reason = static_cast<DropReason>(i);
        const std::uint64_t n = dropped(reason);
        if (n == 0) continue;
        if (!text.empty()) text += ", ";
        text += std::string(to_string(reason)) + " " + std::to_string(n);
    }
    return text;
}

void Rig::expect_identity() const {
    const auto expect_balance = [](const Counters& c, const std::string& who) {
        const std::uint64_t came = c.rx.get() + c.originated.get() + c.handed_in.get() +
                                   c.from_main.get() + c.from_workers.get();
        const std::uint64_t went = c.tx.get() + c.dropped() + c.consumed.get() +
                                   c.handed_out.get() + c.punted.get() + c.to_workers.get() +
                                   c.waiting.get();
        EXPECT_EQ(came, went) << who;
    };
    std::uint64_t came = main_.originated.get();
    std::uint64_t went = main_.dropped() + main_.consumed.get();
    for (unsigned w = 0; w < workers_.size(); ++w) {
        const Counters& c = workers_[w]->counters();
        expect_balance(c, "worker " + std::to_string(w));
        came += c.rx.get() + c.originated.get();
        went += c.tx.get() + c.dropped() + c.consumed.get();
    }
    expect_balance(main_, "main");
    std::uint64_t in_flight = main_.waiting.get();
    for (unsigned w = 0; w < workers_.size(); ++w) {
        in_flight += rte_ring_count(switchboard_->to_main(w));
        in_flight += rte_ring_count(switchboard_->from_main(w));
        for (unsigned to = 0; to < workers_.size(); ++to)
            if (to != w) in_flight += rte_ring_count(switchboard_->handover(w, to));
    }
    EXPECT_EQ(came, went + in_flight);
}

}  // namespace portcullis::dataplane::test
