// The main thread: everything that is neither forwarding packets nor building policies.
//
//     workers ── punted packets ──► Host ── frames ──► workers
//     loader  ── events ──────────► Host, ledgers, the control process
//     control ── requests ────────► loader, workers' commands, ledgers ── replies ──► control
//     time    ── ticks ───────────► Host (ARP, ND, probes), links, denies
//
// One object, one thread, one event loop; nothing here waits for anybody.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/config.h"
#include "dataplane/device_programmer.h"
#include "dataplane/engine.h"
#include "dataplane/event_loop.h"
#include "dataplane/host/host.h"
#include "dataplane/ledger.h"
#include "dataplane/peer/server.h"
#include "dataplane/policy/loader.h"
#include "dataplane/session_listing.h"

namespace portcullis::dataplane {

// A session query under way: one command a worker. It lives until every worker has done its part.
struct Listing {
    std::uint64_t client = 0;
    std::uint32_t sequence = 0;
    std::uint32_t limit = 0;
    std::vector<std::unique_ptr<SessionListing>> parts;  // one a worker
    std::size_t submitted = 0;
};

class MainThread : private HostSink {
  public:
    MainThread(const Config& config, Engine& engine, EventLoop& loop);
    ~MainThread() override;  // stops the workers

    // Reads the last good image and waits until it runs or has been refused.
    void load_last_good();
    void open_peer_link(ListeningSocket socket, std::vector<uid_t> allowed);
    // Until the loop is stopped.
    void run();

  private:
    // HostSink
    rte_mbuf* make(std::span<const std::uint8_t> frame) override;
    void transmit(rte_mbuf* frame, Attachment at) override;
    void discard(rte_mbuf* frame, DropReason reason) override;
    void node_changed(std::uint32_t service, std::uint32_t node, bool up) override;

    bool round();
    bool take_packets();
    void on_packet(rte_mbuf* packet);
    void tick();
    void watch_links();
    void on_load_events();
    void on_load_event(LoadEvent event);
    void follow_policy();

    void on_request(PeerRequest request);
    void load(PeerRequest& request);
    void answer_result(std::uint64_t client, std::uint32_t sequence, peer::Outcome outcome,
                       const std::string& text);
    void list_sessions(const PeerRequest& request);
    void finish_listings();
    peer::Status status() const;
    std::vector<peer::CounterRecord> counters() const;
    std::vector<peer::NeighbourRecord> neighbours() const;
    std::vector<peer::InterfaceRecord> interfaces() const;
    std::vector<peer::NodeRecord> nodes() const;
    std::uint16_t interface_at(Attachment at) const;

    struct PendingLoad {
        std::uint64_t client = 0;
        std::uint32_t sequence = 0;
    };

    const Config& config_;
    Engine& engine_;
    EventLoop& loop_;
    Counters counters_;  // main's own
    Host host_;
    DeviceProgrammer programmer_;
    PolicyLoader loader_;
    LoadedState loaded_;
    RuleLedger rules_;
    SignatureLedger signatures_;
    DenyLedger denies_;
    std::unique_ptr<PeerServer> server_;
    std::optional<PendingLoad> pending_load_;
    std::optional<Listing> listing_;
    std::vector<bool> link_up_;  // [device]
    Millis next_tick_ = 0;
    Millis next_second_ = 0;
};

}  // namespace portcullis::dataplane
