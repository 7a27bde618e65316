// What the control process asks of the main thread, and the answers.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "dataplane/main_thread.h"

namespace portcullis::dataplane {
namespace {

constexpr std::uint16_t kMainAsWorker = 0xffff;

// ICMPv6 echo is stored as Transport::icmp; the peer link names protocols as on the wire.
std::uint8_t wire_protocol(std::uint8_t transport, const peer::Address& address) {
    const bool icmp = transport == static_cast<std::uint8_t>(policy::Transport::icmp);
    return icmp && !IpAddress::from_bytes(address).is_v4() ? std::uint8_t{58} : transport;
}

std::uint32_t seconds_since(Millis then, Millis now) {
    return now <= then ? 0 : static_cast<std::uint32_t>((now - then) / 1000);
}

template <class Record>
std::span<const Record> view(const std::vector<Record>& records) {
    return records;
}

}  // namespace

void MainThread::open_peer_link(ListeningSocket socket, std::vector<uid_t> allowed) {
    PeerServer::Config config;
    config.allowed = std::move(allowed);
    config.log = [](const std::string& text) { spdlog::info("peer link: {}", text); };
    server_ = std::make_unique<PeerServer>(
        loop_, std::move(socket), std::move(config),
        [this](PeerRequest request) { on_request(std::move(request)); });
}

void MainThread::on_request(PeerRequest request) {
    const std::uint32_t sequence = request.header.sequence;
    const auto send = [&](std::vector<Message> messages) {
        server_->send(request.client, std::move(messages));
    };
    switch (request.header.type) {
        case peer::Type::load_image:
        case peer::Type::confirm:
        case peer::Type::rollback:
            return load(request);
        case peer::Type::get_status:
            return send({make_message(peer::Type::status, sequence, status())});
        case peer::Type::get_counters:
            return send(make_list(peer::Type::counters, sequence, view(counters())));
        case peer::Type::get_sessions:
            return list_sessions(request);
        case peer::Type::get_neighbours:
            return send(make_list(peer::Type::neighbours, sequence, view(neighbours())));
        case peer::Type::get_interfaces:
            return send(make_list(peer::Type::interfaces, sequence, view(interfaces())));
        case peer::Type::get_rules: {
            const auto records = loaded_.active == nullptr ? std::vector<peer::RuleRecord>{}
                                                           : rules_.list(*loaded_.active);
            return send(make_list(peer::Type::rules, sequence, view(records)));
        }
        case peer::Type::get_signatures: {
            const auto records = loaded_.active == nullptr ? std::vector<peer::SignatureRecord>{}
                                                           : signatures_.list(*loaded_.active);
            return send(make_list(peer::Type::signatures, sequence, view(records)));
        }
        case peer::Type::get_nodes:
            return send(make_list(peer::Type::nodes, sequence, view(nodes())));
        case peer::Type::get_denies:
            return send(
                make_list(peer::Type::denies, sequence, view(denies_.take(loaded_.active))));
        default:
            return answer_result(request.client, sequence, peer::Outcome::failed,
                                 "unknown request");
    }
}

void MainThread::load(PeerRequest& request) {
    LoadRequest wanted;
    wanted.ticket = request.client;
    if (request.header.type == peer::Type::rollback) wanted.kind = LoadRequest::Kind::rollback;
    if (request.header.type == peer::Type::load_image) {
        peer::LoadImage image;
        std::memcpy(&image, request.body.data(), sizeof image);
        wanted.kind = LoadRequest::Kind::image;
        wanted.memfd = std::move(request.descriptor);
        wanted.image_bytes = image.image_bytes;
        wanted.hash = image.hash;
        wanted.confirm_seconds = image.confirm_seconds;
    }
    if (!loader_.submit(std::move(wanted)))
        return answer_result(request.client, request.header.sequence, peer::Outcome::busy,
                             "a policy is being loaded at this moment");
    pending_load_ = PendingLoad{request.client, request.header.sequence};
}

void MainThread::answer_result(std::uint64_t client, std::uint32_t sequence, peer::Outcome outcome,
                               const std::string& text) {
    peer::Result result;
    result.outcome = outcome;
    result.generation = loaded_.generation;
    result.hash = loaded_.running;
    set_text(result.text, text);
    if (server_) server_->send(client, {make_message(peer::Type::result, sequence, result)});
}

void MainThread::list_sessions(const PeerRequest& request) {
    if (listing_)
        return answer_result(request.client, request.header.sequence, peer::Outcome::busy,
                             "another list of sessions is being made at this moment");
    peer::SessionQuery query;
    std::memcpy(&query, request.body.data(), sizeof query);
    if (query.protocol == 58) query.protocol = static_cast<std::uint8_t>(policy::Transport::icmp);
    Listing& listing = listing_.emplace();
    listing.client = request.client;
    listing.sequence = request.header.sequence;
    listing.limit = query.limit;
    for (std::size_t i = 0; i < engine_.workers().size(); ++i)
        listing.parts.push_back(std::make_unique<SessionListing>(query));
}

// Hands out the parts of a listing, and sends it once every worker has done its own.
void MainThread::finish_listings() {
    Listing& listing = *listing_;
    const auto& workers = engine_.workers();
    while (listing.submitted < workers.size() &&
           workers[listing.submitted]->submit(listing.parts[listing.submitted].get()))
        ++listing.submitted;
    if (listing.submitted < workers.size() ||
        !std::ranges::all_of(listing.parts, [](const auto& part) { return part->done(); }))
        return;
    std::vector<peer::SessionRecord> records;
    for (const auto& part : listing.parts)
        for (peer::SessionRecord record : part->records()) {
            if (records.size() == listing.limit) break;
            record.protocol = wire_protocol(record.protocol, record.source);
            record.interface = interface_at(attachment_of(record.interface));
            if (loaded_.active == nullptr ||
                record.rule >= loaded_.active->policy->policy().rules.size())
                record.rule = policy::kNoRule;
            records.push_back(record);
        }
    if (server_)
        server_->send(listing.client,
                      make_list(peer::Type::sessions, listing.sequence, view(records)));
    listing_.reset();
}

peer::Status MainThread::status() const {
    using namespace std::chrono;
    peer::Status status;
    status.running = loaded_.running;
    status.previous = loaded_.previous;
    status.generation = loaded_.generation;
    const auto now = steady_clock::now();
    // At least 1 until it is decided: 0 would say that the policy is final, while it is being rolled
    // back.
    if (loaded_.confirm_by)
        status.confirm_seconds_left = static_cast<std::uint32_t>(
            std::max<std::int64_t>(1, ceil<seconds>(*loaded_.confirm_by - now).count()));
    status.uptime_seconds = engine_.clock().now() / 1000;
    for (const auto& worker : engine_.workers())
        status.sessions += worker->counters().sessions.get();
    status.session_capacity = engine_.session_capacity();
    status.workers = static_cast<std::uint32_t>(engine_.workers().size());
    status.pid = static_cast<std::uint32_t>(getpid());
    status.loading = pending_load_ ? 1 : 0;
    if (loaded_.active != nullptr)
        status.policy_age_seconds =
            static_cast<std::uint64_t>(duration_cast<seconds>(now - loaded_.since).count());
    return status;
}

std::vector<peer::CounterRecord> MainThread::counters() const {
    std::vector<peer::CounterRecord> records;
    const auto add = [&](const Counters& of, std::uint16_t worker) {
        for (const NamedCount& count : snapshot(of)) {
            peer::CounterRecord& record = records.emplace_back();
            set_text(record.name, count.name);
            record.worker = worker;
            record.value = count.value;
        }
    };
    for (std::uint16_t i = 0; i < engine_.workers().size(); ++i)
        add(engine_.workers()[i]->counters(), i);
    add(counters_, kMainAsWorker);
    return records;
}

std::uint16_t MainThread::interface_at(Attachment at) const {
    if (loaded_.active == nullptr) return peer::kNoInterface;
    return loaded_.active->policy->interface_of(at.device, at.vlan);
}

std::vector<peer::NeighbourRecord> MainThread::neighbours() const {
    std::vector<peer::NeighbourRecord> records;
    const Millis now = engine_.clock().now();
    for (const Resolver::Listed& neighbour : host_.resolver().list()) {
        peer::NeighbourRecord& record = records.emplace_back();
        record.address = neighbour.address.bytes();
        std::memcpy(record.mac, neighbour.mac.data(), sizeof record.mac);
        record.state = neighbour.state;
        record.interface = interface_at(neighbour.at);
        record.age_seconds = seconds_since(neighbour.since, now);
    }
    return records;
}

// Of the running policy; without one, of the bare devices.
std::vector<peer::InterfaceRecord> MainThread::interfaces() const {
    std::vector<peer::InterfaceRecord> records;
    const auto add = [&](std::uint16_t at, const policy::Interface* interface) {
        const nic::Device& device = engine_.devices()[at];
        const nic::Link link = nic::link_of(device);
        const nic::DeviceCounts counts = nic::counts_of(device);
        peer::InterfaceRecord& record = records.emplace_back();
        if (interface != nullptr) {
            set_text(record.name, interface->name);
            record.vlan = interface->vlan;
            record.zones = interface->zones.bits();
        }
        set_text(record.device, device.name);
        std::memcpy(record.mac, device.mac.data(), sizeof record.mac);
        record.mtu = interface != nullptr ? interface->mtu : static_cast<std::uint16_t>(device.mtu);
        record.link_up = link.up ? 1 : 0;
        record.speed_mbps = link.mbps;
        record.rx_packets = counts.rx_packets;
        record.tx_packets = counts.tx_packets;
        record.rx_bytes = counts.rx_bytes;
        record.tx_bytes = counts.tx_bytes;
        record.rx_missed = counts.rx_missed;
        set_text(record.driver, device.driver);
        set_text(record.steering, programmer_.text(at));
        record.rx_queues = device.rx_queues;
        record.promiscuous = device.multicast == nic::Multicast::everything ? 1 : 0;
        for (std::size_t i = 0; i < std::min<std::size_t>(device.rx_queues, peer::kMaxWorkers); ++i)
            record.queue_rx[i] = engine_.workers()[i]->counters().device_rx[at].get();
    };
    if (loaded_.active == nullptr) {
        for (std::uint16_t i = 0; i < engine_.devices().size(); ++i) add(i, nullptr);
        return records;
    }
    const RuntimePolicy& runtime = *loaded_.active->policy;
    for (std::uint16_t i = 0; i < runtime.policy().interfaces.size(); ++i)
        add(runtime.device_of(i), &runtime.policy().interfaces[i]);
    return records;
}

std::vector<peer::NodeRecord> MainThread::nodes() const {
    std::vector<peer::NodeRecord> records;
    const Millis now = engine_.clock().now();
    for (const Prober::Listed& node : host_.prober().list()) {
        peer::NodeRecord& record = records.emplace_back();
        set_text(record.service, node.service);
        set_text(record.node, node.node);
        record.address = node.address.bytes();
        record.up = node.up ? 1 : 0;
        record.since_seconds = seconds_since(node.since, now);
    }
    return records;
}

}  // namespace portcullis::dataplane
