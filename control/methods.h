// What the control socket offers: each method's parameters, and its result as JSON (README.md).
#pragma once

#include "control/deny_log.h"
#include "control/history.h"
#include "control/peer_link.h"
#include "control/rpc_server.h"
#include "control/store.h"
#include "control/transactions.h"
#include "control/views.h"

namespace portcullis::control {

class Methods {
  public:
    Methods(PeerLink& link, Store& store, History& history, Transactions& transactions,
            DenyLog& denies)
        : link_(link),
          store_(store),
          history_(history),
          transactions_(transactions),
          denies_(denies),
          started_(EventLoop::Clock::now()) {}

    void call(const RpcRequest& request, const Peer& peer, const RpcDone& done);

  private:
    using Method = void (Methods::*)(const Json& params, const Caller& caller, const RpcDone& done);
    struct Entry {
        std::string_view name;
        Method method;
    };
    static const std::vector<Entry>& table();

    void push(const Json& params, const Caller& caller, const RpcDone& done);
    void confirm(const Json& params, const Caller& caller, const RpcDone& done);
    void rollback(const Json& params, const Caller& caller, const RpcDone& done);
    void status(const Json& params, const Caller& caller, const RpcDone& done);
    void counters(const Json& params, const Caller& caller, const RpcDone& done);
    void sessions(const Json& params, const Caller& caller, const RpcDone& done);
    void neighbours(const Json& params, const Caller& caller, const RpcDone& done);
    void interfaces(const Json& params, const Caller& caller, const RpcDone& done);
    void nodes(const Json& params, const Caller& caller, const RpcDone& done);
    void rules(const Json& params, const Caller& caller, const RpcDone& done);
    void signatures(const Json& params, const Caller& caller, const RpcDone& done);
    void history(const Json& params, const Caller& caller, const RpcDone& done);
    void denies(const Json& params, const Caller& caller, const RpcDone& done);

    // Calls back with the policy that runs (null where it is unknown), for naming what comes next.
    void with_policy(const RpcDone& done, std::function<void(PolicyPtr)> then);
    Json status_view(const tl::expected<peer::Status, PeerError>& status) const;

    PeerLink& link_;
    Store& store_;
    History& history_;
    Transactions& transactions_;
    DenyLog& denies_;
    EventLoop::Clock::time_point started_;
};

}  // namespace portcullis::control
