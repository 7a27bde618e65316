#include "control/daemon.h"

#include <grp.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace portcullis::control {
namespace {

constexpr int kBacklog = 64;

tl::expected<std::optional<gid_t>, std::string> find_group(const std::string& name) {
    if (name.empty()) return std::optional<gid_t>();
    std::vector<char> buffer(65536);
    group entry{};
    group* found = nullptr;
    if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
        found == nullptr)
        return tl::make_unexpected("there is no group '" + name +
                                   "': create it or choose another --group");
    return std::optional(found->gr_gid);
}

RpcServer::Admission admission(std::optional<gid_t> group) {
    return [group, own = ::geteuid()](const Peer& peer) {
        if (peer.uid == 0 || peer.uid == own) return true;
        return group &&
               std::find(peer.groups.begin(), peer.groups.end(), *group) != peer.groups.end();
    };
}

}  // namespace

tl::expected<std::unique_ptr<Daemon>, std::string> Daemon::start(const DaemonOptions& options,
                                                                 CompileFunction compile) {
    const auto group = find_group(options.group);
    if (!group) return tl::make_unexpected(group.error());
    auto store = Store::open(options.state_dir);
    if (!store) return tl::make_unexpected(store.error());
    auto listener = listen_unix(options.socket, kBacklog);
    if (!listener) return tl::make_unexpected(listener.error());
    if (*group && ::chown(options.socket.c_str(), static_cast<uid_t>(-1), **group) != 0)
        return tl::make_unexpected("cannot give " + options.socket + " to group " + options.group +
                                   ": " + std::strerror(errno) +
                                   "; run as a member of it or choose another --group");
    return std::unique_ptr<Daemon>(
        new Daemon(options, std::move(*store), std::move(*listener), *group, std::move(compile)));
}

Daemon::Daemon(const DaemonOptions& options, Store store, Fd listener, std::optional<gid_t> group,
               CompileFunction compile)
    : options_(options),
      store_(std::move(store)),
      history_(store_.history_file()),
      link_(loop_, options_.peer, options_.timeouts),
      background_(loop_),
      transactions_(loop_, background_, link_, store_, history_, std::move(compile)),
      denies_(options_.deny_lines, [](const std::string& line) { spdlog::info("{}", line); }),
      methods_(link_, store_, history_, transactions_, denies_),
      server_(loop_, std::move(listener), options_.limits, admission(group),
              [this](const RpcRequest& request, const Peer& peer, const RpcDone& done) {
                  methods_.call(request, peer, done);
              }) {
    for (const auto& warning : store_.warnings()) spdlog::warn("{}", warning);
    if (!history_.warning().empty()) spdlog::warn("{}", history_.warning());
    link_.start([this] { link_changed(); });
    if (!link_.connected())
        spdlog::warn("peer link: {}; tried again until it is there", link_.why_not());
}

Daemon::~Daemon() {
    ::unlink(options_.socket.c_str());
}

void Daemon::link_changed() {
    transactions_.link_changed();
    if (link_.connected()) {
        spdlog::info("peer link: connected to {}", options_.peer);
        poll();
    } else {
        spdlog::warn("peer link: {}", link_.why_not());
    }
}

void Daemon::schedule_poll() {
    loop_.cancel(poll_timer_);
    poll_timer_ = loop_.after(options_.poll, [this] { poll(); });
}

void Daemon::poll() {
    if (!link_.connected() || poll_under_way_) return;
    poll_under_way_ = true;
    link_.status([this, epoch = transactions_.epoch()](const auto& status) {
        poll_under_way_ = false;
        if (link_.connected()) schedule_poll();
        polled(status, epoch);
    });
}

void Daemon::polled(const tl::expected<peer::Status, PeerError>& status, std::uint64_t epoch) {
    if (!status) {
        if (link_.connected()) spdlog::warn("status poll: {}", status.error().message);
        return;
    }
    if (dataplane_pid_ != 0 &&
        (status->pid != dataplane_pid_ || status->uptime_seconds < dataplane_uptime_))
        spdlog::warn("the data plane has been restarted (pid {})", status->pid);
    dataplane_pid_ = status->pid;
    dataplane_uptime_ = status->uptime_seconds;

    const auto* stored = store_.find(status->running);
    const auto policy = stored == nullptr ? PolicyPtr() : stored->policy;
    transactions_.observe(*status, epoch);
    link_.denies([this, policy](const auto& records) {
        if (records) denies_.take(*records, policy);
    });
}

}  // namespace portcullis::control
