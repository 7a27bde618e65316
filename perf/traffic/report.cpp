#include "perf/traffic/report.h"

#include <algorithm>

namespace portcullis::traffic {
namespace {

using nlohmann::json;

double microseconds(std::uint32_t tag_time) {
    return seconds_of(tag_time) * 1e6;
}

json latency_of(const Latency& latency) {
    json out = {{"samples", latency.total()}, {"max", microseconds(latency.max())}};
    for (const auto& [name, share] :
         {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}})
        out[name] = microseconds(latency.percentile(share));
    return out;
}

// Columns, for there may be many: what both directions have in a window.
json windows_of(const TrialResult& result) {
    json out = {{"milliseconds", result.window_seconds * 1000}};
    const auto& [forth, back] = result.windows;
    const std::size_t count = std::max(forth.size(), back.size());
    for (const char* column : {"sent", "received", "unsent", "worst_burst", "latency_max_us"})
        out[column] = json::array();
    for (std::size_t i = 0; i < count; ++i) {
        Window sum;
        for (const auto& windows : result.windows) {
            if (i >= windows.size()) continue;
            sum.sent += windows[i].sent;
            sum.received += windows[i].received;
            sum.unsent += windows[i].unsent;
            sum.worst_burst = std::max(sum.worst_burst, windows[i].worst_burst);
            sum.latency = std::max(sum.latency, windows[i].latency);
        }
        out["sent"].push_back(sum.sent);
        out["received"].push_back(sum.received);
        out["unsent"].push_back(sum.unsent);
        out["worst_burst"].push_back(sum.worst_burst);
        out["latency_max_us"].push_back(microseconds(sum.latency));
    }
    return out;
}

}  // namespace

json to_json(const TrialPlan& plan, const TrialResult& r) {
    const auto a_second = [&](std::uint64_t count) {
        return static_cast<double>(count) / r.seconds;
    };
    json out = {
        {"measure", "run"},
        {"size", plan.sizes.name},
        {"asked_rate", plan.rate},
        {"seconds", r.seconds},
        {"sent_rate", a_second(r.sent)},
        {"received_rate", a_second(r.received)},
        {"received_gbps", a_second(r.bytes_received) * 8e-9},
        {"sent", r.sent},
        {"received", r.received},
        {"established", r.measured},
        {"lost", r.lost},
        {"unsent", r.unsent},
        {"loss", r.loss()},
        {"worst_burst", r.worst_burst},
        {"doubled", r.doubled},
        {"checked", r.checked},
        {"device_full", r.device_full},
        {"pauses", r.pauses},
        {"longest_pause_us", r.longest_pause_seconds * 1e6},
        {"stopped", r.stopped},
    };
    if (plan.fresh_percent != 0) {
        out["fresh_sent"] = r.fresh_sent;
        out["fresh_sent_rate"] = a_second(r.fresh_sent);
        out["fresh_received_rate"] = a_second(r.fresh_received);
    }
    if (plan.denied_percent != 0) {
        out["denied_sent"] = r.denied_sent;
        out["denied_rate"] = a_second(r.denied_sent);
    }
    if (plan.rate != 0) out["latency_us"] = latency_of(r.latency);
    if (r.window_seconds != 0) out["windows"] = windows_of(r);
    return out;
}

json to_json(const TrialPlan& plan, const SearchResult& result) {
    return {{"measure", "no-drop"}, {"size", plan.sizes.name}, {"rate", result.rate},
            {"loss", result.loss},  {"trials", result.trials}, {"stopped", result.stopped}};
}

}  // namespace portcullis::traffic
