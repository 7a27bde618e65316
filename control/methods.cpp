#include "control/methods.h"

#include <unistd.h>

#include <algorithm>

#include "control/params.h"

namespace portcullis::control {
namespace {

constexpr std::uint32_t kMaxConfirmSeconds = 86400;
constexpr std::uint32_t kMaxSessions = 10000;  // in one answer
constexpr std::size_t kMaxNameBytes = 255;

RpcCode code_of(Failure::Kind kind) {
    switch (kind) {
        case Failure::Kind::topology:
            return RpcCode::topology;
        case Failure::Kind::busy:
            return RpcCode::busy;
        case Failure::Kind::refused:
            return RpcCode::refused;
        case Failure::Kind::failed:
            return RpcCode::failed;
        case Failure::Kind::unreachable:
            return RpcCode::unreachable;
        case Failure::Kind::unsettled:
            return RpcCode::unsettled;
    }
    return RpcCode::internal_error;
}

RpcError to_error(const Failure& failure) {
    RpcError error{code_of(failure.kind), failure.message};
    if (failure.kind == Failure::Kind::topology) {
        error.data = Json::array();
        for (const auto& diagnostic : failure.diagnostics)
            error.data.push_back({{"file", diagnostic.file},
                                  {"line", diagnostic.where.line},
                                  {"column", diagnostic.where.column},
                                  {"message", diagnostic.message},
                                  {"hint", diagnostic.hint}});
    }
    return error;
}

RpcError to_error(const PeerError& error) {
    return {error.kind == PeerError::Kind::refused ? RpcCode::refused
            : error.kind == PeerError::Kind::busy  ? RpcCode::busy
                                                   : RpcCode::unreachable,
            error.message};
}

tl::unexpected<RpcError> failed(const Failure& failure) {
    return tl::make_unexpected(to_error(failure));
}

std::string_view state_name(PushAnswer::State state) {
    switch (state) {
        case PushAnswer::State::loaded:
            return "loaded";
        case PushAnswer::State::unconfirmed:
            return "unconfirmed";
        case PushAnswer::State::unchanged:
            return "unchanged";
        case PushAnswer::State::dry_run:
            return "dry-run";
    }
    return "unknown";
}

Json push_view(const PushAnswer& answer) {
    const auto& compilation = answer.compilation;
    auto findings = Json::array();
    for (const auto& finding : compilation.findings)
        findings.push_back(
            {{"kind", finding.kind}, {"rule", finding.rule}, {"text", finding.text}});
    return {{"state", state_name(answer.state)},
            {"hash", policy::to_string(compilation.hash)},
            {"generation", answer.generation},
            {"name", compilation.policy->topology_name},
            {"release", compilation.policy->release},
            {"rules", compilation.policy->rules.size()},
            {"witnesses", compilation.policy->witnesses.size()},
            {"image_bytes", compilation.image.size()},
            {"confirm_seconds", answer.confirm_seconds},
            {"findings", std::move(findings)}};
}

Json changed_view(const Changed& changed) {
    return {{"hash", hash_text(changed.hash)},
            {"generation", changed.generation},
            {"name", changed.name}};
}

Json stored_view(const StoredPolicy* stored) {
    if (stored == nullptr) return nullptr;
    return {{"hash", policy::to_string(stored->hash)},
            {"name", stored->policy->topology_name},
            {"release", stored->policy->release},
            {"rules", stored->policy->rules.size()}};
}

Json hash_or_null(const peer::Hash& hash) {
    return hash == peer::Hash{} ? Json(nullptr) : Json(policy::to_string(hash));
}

// A policy that the data plane names, and that we may know.
Json named_view(const peer::Hash& hash, const Store& store) {
    if (hash == peer::Hash{}) return nullptr;
    if (const auto* stored = store.find(hash)) return stored_view(stored);
    return {{"hash", policy::to_string(hash)}};
}

template <class Record, class View>
std::function<void(tl::expected<std::vector<Record>, PeerError>)> as_list(const char* name,
                                                                          const RpcDone& done,
                                                                          View view) {
    return [name, done, view](const tl::expected<std::vector<Record>, PeerError>& records) {
        if (!records) return done(tl::make_unexpected(to_error(records.error())));
        auto list = Json::array();
        for (const auto& record : *records) list.push_back(view(record));
        done(Json{{name, std::move(list)}});
    };
}

// For methods without parameters.
bool reject(const Json& json, const RpcDone& done) {
    Params params(json);
    const auto error = params.error();
    if (error) done(tl::make_unexpected(*error));
    return error.has_value();
}

}  // namespace

const std::vector<Methods::Entry>& Methods::table() {
    static const std::vector<Entry> entries = {
        {"push", &Methods::push},
        {"confirm", &Methods::confirm},
        {"rollback", &Methods::rollback},
        {"status", &Methods::status},
        {"counters", &Methods::counters},
        {"sessions", &Methods::sessions},
        {"neighbours", &Methods::neighbours},
        {"interfaces", &Methods::interfaces},
        {"nodes", &Methods::nodes},
        {"rules", &Methods::rules},
        {"signatures", &Methods::signatures},
        {"history", &Methods::history},
        {"denies", &Methods::denies},
    };
    return entries;
}

void Methods::call(const RpcRequest& request, const Peer& peer, const RpcDone& done) {
    for (const auto& entry : table())
        if (entry.name == request.method)
            return (this->*entry.method)(request.params, {peer.pid, peer.uid}, done);
    std::string known;
    for (const auto& entry : table())
        known += (known.empty() ? "" : ", ") + std::string(entry.name);
    done(tl::make_unexpected(
        RpcError{RpcCode::method_not_found, "no such method; there are " + known}));
}

void Methods::push(const Json& json, const Caller& caller, const RpcDone& done) {
    Params params(json);
    PushRequest request;
    request.topology = params.required_text("topology");
    request.name = params.required_text("name");
    request.confirm_seconds = params.number("confirm_seconds", 0, kMaxConfirmSeconds);
    request.dry_run = params.flag("dry_run");
    // It goes into messages, files and the log.
    const bool printable = std::none_of(request.name.begin(), request.name.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
    if (request.name.empty() || request.name.size() > kMaxNameBytes || !printable)
        params.complain("name", "has 1 to " + std::to_string(kMaxNameBytes) +
                                    " bytes and no control characters");
    if (const auto error = params.error()) return done(tl::make_unexpected(*error));
    transactions_.push(std::move(request), caller,
                       [done](const tl::expected<PushAnswer, Failure>& answer) {
                           if (!answer) return done(failed(answer.error()));
                           done(push_view(*answer));
                       });
}

void Methods::confirm(const Json& params, const Caller& caller, const RpcDone& done) {
    if (reject(params, done)) return;
    transactions_.confirm(caller, [done](const tl::expected<Changed, Failure>& changed) {
        if (!changed) return done(failed(changed.error()));
        done(changed_view(*changed));
    });
}

void Methods::rollback(const Json& params, const Caller& caller, const RpcDone& done) {
    if (reject(params, done)) return;
    transactions_.rollback(caller, [done](const tl::expected<Changed, Failure>& changed) {
        if (!changed) return done(failed(changed.error()));
        done(changed_view(*changed));
    });
}

Json Methods::status_view(const tl::expected<peer::Status, PeerError>& status) const {
    const auto uptime =
        std::chrono::duration_cast<std::chrono::seconds>(EventLoop::Clock::now() - started_);
    Json activity = nullptr;
    if (const auto& now = transactions_.activity())
        activity = {{"what", now->what},
                    {"stage", now->stage},
                    {"name", now->name},
                    {"pid", now->caller.pid}};
    Json view;
    view["control"] = {
        {"pid", ::getpid()}, {"uptime_seconds", uptime.count()}, {"activity", std::move(activity)}};
    if (status) {
        view["dataplane"] = {{"connected", true},
                             {"running", hash_or_null(status->running)},
                             {"loading", status->loading != 0},
                             {"pid", status->pid},
                             {"uptime_seconds", status->uptime_seconds},
                             {"workers", status->workers},
                             {"sessions", status->sessions},
                             {"session_capacity", status->session_capacity}};
        view["policy"] = named_view(status->running, store_);
        if (!view["policy"].is_null()) {
            view["policy"]["generation"] = status->generation;
            view["policy"]["age_seconds"] = status->policy_age_seconds;
            view["policy"]["confirm_seconds_left"] = status->confirm_seconds_left;
        }
        view["previous"] = named_view(status->previous, store_);
    } else {
        view["dataplane"] = {{"connected", link_.connected()},
                             {"running", nullptr},
                             {"error", status.error().message}};
        view["policy"] = nullptr;
        view["previous"] = nullptr;
    }
    for (const auto slot : {Slot::candidate, Slot::current, Slot::previous}) {
        const auto& stored = store_.get(slot);
        view["stored"][std::string(to_string(slot))] = stored_view(stored ? &*stored : nullptr);
    }
    return view;
}

void Methods::status(const Json& params, const Caller&, const RpcDone& done) {
    if (reject(params, done)) return;
    link_.status([this, done](const auto& status) { done(status_view(status)); });
}

void Methods::with_policy(const RpcDone& done, std::function<void(PolicyPtr)> then) {
    link_.status(
        [this, done, then = std::move(then)](const tl::expected<peer::Status, PeerError>& status) {
            if (!status) return done(tl::make_unexpected(to_error(status.error())));
            const auto* stored = store_.find(status->running);
            then(stored == nullptr ? nullptr : stored->policy);
        });
}

void Methods::counters(const Json& params, const Caller&, const RpcDone& done) {
    if (reject(params, done)) return;
    link_.counters(as_list<peer::CounterRecord>("counters", done, counter_view));
}

void Methods::sessions(const Json& json, const Caller&, const RpcDone& done) {
    Params params(json);
    peer::SessionQuery query;
    if (const auto address = params.text("address", ""); !address.empty()) {
        if (const auto parsed = policy::IpAddress::parse(address))
            query.address = parsed->bytes();
        else
            params.complain("address", "is to be an IPv4 or IPv6 address");
    }
    query.port = static_cast<std::uint16_t>(params.number("port", 0, 65535));
    if (const auto protocol = parse_protocol(params.text("protocol", "any")))
        query.protocol = *protocol;
    else
        params.complain("protocol", "is to be tcp, udp, icmp, icmpv6 or any");
    query.limit = params.number("limit", 1000, kMaxSessions);
    if (const auto error = params.error()) return done(tl::make_unexpected(*error));
    with_policy(done, [this, query, done](const PolicyPtr& policy) {
        link_.sessions(query,
                       as_list<peer::SessionRecord>("sessions", done, [policy](const auto& record) {
                           return session_view(record, policy);
                       }));
    });
}

void Methods::neighbours(const Json& params, const Caller&, const RpcDone& done) {
    if (reject(params, done)) return;
    with_policy(done, [this, done](const PolicyPtr& policy) {
        link_.neighbours(as_list<peer::NeighbourRecord>(
            "neighbours", done,
            [policy](const auto& record) { return neighbour_view(record, policy); }));
    });
}

void Methods::interfaces(const Json& params, const Caller&, const RpcDone& done) {
    if (reject(params, done)) return;
    link_.interfaces(as_list<peer::InterfaceRecord>("interfaces", done, interface_view));
}

void Methods::nodes(const Json& params, const Caller&, const RpcDone& done) {
    if (reject(params, done)) return;
    link_.nodes(as_list<peer::NodeRecord>("nodes", done, node_view));
}

void Methods::rules(const Json& params, const Caller&, const RpcDone& done) {
    if (reject(params, done)) return;
    with_policy(done, [this, done](const PolicyPtr& policy) {
        link_.rules(as_list<peer::RuleRecord>(
            "rules", done, [policy](const auto& record) { return rule_view(record, policy); }));
    });
}

void Methods::signatures(const Json& params, const Caller&, const RpcDone& done) {
    if (reject(params, done)) return;
    link_.signatures(as_list<peer::SignatureRecord>("signatures", done, signature_view));
}

void Methods::history(const Json& params, const Caller&, const RpcDone& done) {
    if (!reject(params, done)) done(Json{{"history", history_.to_json()}});
}

void Methods::denies(const Json& params, const Caller&, const RpcDone& done) {
    if (!reject(params, done)) done(Json{{"denies", denies_.recent()}});
}

}  // namespace portcullis::control
