#include "perf/traffic/options.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include "perf/traffic/failure.h"

namespace portcullis::traffic {
namespace {

namespace po = boost::program_options;

constexpr unsigned kLargestFrame = 1514;  // an MTU of 1500
constexpr std::size_t kMostNodes = 255;

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
    return parts;
}

template <class Number>
std::optional<Number> number(const std::string& text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

class Reader {
  public:
    std::optional<Options> read(int argc, char** argv);

  private:
    // Each takes the option's text and complains by its name where it is no good.
    void complain(const std::string& key, const std::string& must) {
        errors_ += (errors_.empty() ? "" : "\n") +
                   ("--" + key + " = " + given_[key].as<std::string>()) + ": must be " + must;
    }
    bool has(const std::string& key) const { return given_.contains(key); }
    std::string text(const std::string& key) const { return given_[key].as<std::string>(); }

    template <class Number>
    void take(const std::string& key, Number& to, Number least, Number most) {
        if (!has(key)) return;
        const auto value = number<Number>(text(key));
        if (value && *value >= least && *value <= most)
            to = *value;
        else
            complain(key, "a number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    template <class Value>
    void choose(const std::string& key, Value& to,
                const std::vector<std::pair<std::string, Value>>& words) {
        if (!has(key)) return;
        std::string list;
        for (const auto& [word, value] : words) {
            if (word == text(key)) {
                to = value;
                return;
            }
            list += (list.empty() ? "" : ", ") + word;
        }
        complain(key, "one of " + list);
    }
    void address(const std::string& key, IpAddress& to) {
        if (!has(key)) return;
        const auto value = IpAddress::parse(text(key));
        if (value) return void(to = *value);
        complain(key, "an IPv4 or IPv6 address");
    }
    std::vector<Prefix> prefixes(const std::string& key);
    Endpoint endpoint(const std::string& key);
    Clients clients(const std::string& key, const std::string& fallback, PortRange ports);
    PortRange port_range(const std::string& key, PortRange fallback);
    std::optional<Mac> mac(const std::string& key);
    std::vector<Sizes> sizes(unsigned smallest);

    void take_environment();
    void take_scenario();
    void take_trial();

    po::variables_map given_;
    std::string errors_;
    Options options_;
};

po::options_description all_options() {
    const auto text = [] { return po::value<std::string>(); };
    po::options_description all(
        "traffic --client-port DEVICE --node-port DEVICE --scenario FILE [OPTION...]\n\n"
        "Plays the clients and nodes around a firewall, and prints what came back as "
        "JSON.\n\nOptions");
    all.add_options()("help", "this text")("scenario", po::value<std::vector<std::string>>(),
                                           "file with any of these options, `key = value`")(
        "client-port", text(), "DPDK device on the clients' side: a vdev or a PCI address")(
        "node-port", text(), "likewise on the nodes' side")("core", text(), "to run on (0)")(
        "memory-mib", text(), "for packet buffers (256)")("huge", text(), "on or off (on)")(
        "descriptors", text(), "of a queue (1024)")(
        "rx-queues", text(), "of each port, for a device that sends from several (1)")(
        "link-seconds", text(), "to wait for both links (15)")(
        "eal", po::value<std::vector<std::string>>(), "one more argument for DPDK's environment")(
        "protocol", text(), "udp or tcp (udp)")("nat", text(), "none, dnat or full (dnat)")(
        "service", text(), "where clients send: 203.0.113.30:3478, [2001:db8::30]:3478")(
        "nodes", text(), "addresses behind it; without NAT the service is the node")(
        "flows", text(), "sessions that are opened first (4096)")(
        "clients", text(), "their clients' prefix")("client-ports", text(), "(1024-61023)")(
        "fresh-clients", text(), "prefix of clients that send one packet only")(
        "denied-clients", text(), "prefix of clients that no rule allows")(
        "denied-port", text(), "of the service's address, where no rule allows them")(
        "client-hosts", text(),
        "prefixes or addresses that we answer ARP and ND for; the first speaks")(
        "node-hosts", text(), "likewise; left out: the nodes")(
        "client-firewall", text(), "the firewall's address on the clients' side")(
        "node-firewall", text(), "likewise on the nodes' side")(
        "peer-mac", text(), "send to this MAC address instead of asking for the firewall's")(
        "mode", text(), "run, search or latency (run)")("direction", text(),
                                                        "both, out or back (both)")(
        "sizes", text(), "of frames without FCS, a measurement each: 64,128,imix (64)")(
        "fresh", text(), "per cent of the clients' packets that begin a session (0)")(
        "denied", text(), "per cent of the clients' packets that no rule allows (0)")(
        "rate", text(), "packets a second in all; 0: as many as possible (0)")(
        "ramp", text(), "on: from 0 to the rate in the course of the trial (off)")(
        "warm-up", text(), "seconds that do not count (2)")("seconds", text(), "that do (5)")(
        "windows", text(), "milliseconds of a window; 0: none (0)")(
        "check-every", text(), "so manieth packet is checked byte by byte (64)")(
        "check-sessions", text(), "on or off: afterwards, whether every session lives (on)")(
        "linger", text(), "on: stay connected in the end, until a signal comes (off)")(
        "trial-seconds", text(), "of a trial of the search (0.5)")(
        "resolution", text(), "of the search (0.01)")("tolerance", text(),
                                                      "share of packets that may be lost (0)")(
        "failures", text(), "after which a rate has failed (2)")(
        "highest", text(), "rate of the search; 0: find out (0)")(
        "latency-share", text(), "of the no-drop rate, where latency is taken (0.5)");
    return all;
}

std::optional<Options> Reader::read(int argc, char** argv) {
    const po::options_description all = all_options();
    try {
        po::store(po::parse_command_line(argc, argv, all), given_);
        if (has("help")) {
            std::cout << all;
            return std::nullopt;
        }
        const auto files = has("scenario") ? given_["scenario"].as<std::vector<std::string>>()
                                           : std::vector<std::string>{};
        for (const std::string& path : files) {
            std::ifstream file(path);
            if (!file) throw Failure(path + ": cannot be read");
            po::store(po::parse_config_file(file, all), given_);
        }
    } catch (const po::error& error) {
        throw Failure(std::string(error.what()) + "; try --help");
    }
    take_environment();
    take_scenario();
    take_trial();
    if (!errors_.empty()) throw Failure(errors_);
    return std::move(options_);
}

void Reader::take_environment() {
    for (const char* key : {"client-port", "node-port", "service", "clients"})
        if (!has(key)) throw Failure("--" + std::string(key) + " is missing; try --help");
    options_.client_port = text("client-port");
    options_.node_port = text("node-port");
    EalSettings& eal = options_.eal;
    take("core", eal.core, 0U, 1023U);
    take("memory-mib", eal.memory_mib, 64U, 65536U);
    choose<bool>("huge", eal.huge, {{"on", true}, {"off", false}});
    take("descriptors", options_.descriptors, 64U, 32768U);
    take("rx-queues", options_.rx_queues, 1U, 16U);
    take("link-seconds", options_.link_seconds, 1U, 3600U);
    if (has("eal")) eal.extra = given_["eal"].as<std::vector<std::string>>();
    for (const std::string& port : {options_.client_port, options_.node_port})
        if (is_pci_address(port.substr(0, port.find(',')))) eal.pci.push_back(port);
}

std::vector<Prefix> Reader::prefixes(const std::string& key) {
    std::vector<Prefix> out;
    if (!has(key)) return out;
    for (const std::string& part : split(text(key))) {
        const auto prefix = Prefix::parse(part);
        if (prefix)
            out.push_back(*prefix);
        else
            complain(key, "addresses or prefixes, separated by commas");
    }
    return out;
}

Endpoint Reader::endpoint(const std::string& key) {
    const std::string all = text(key);
    const auto colon = all.rfind(':');
    if (colon != std::string::npos) {
        std::string host = all.substr(0, colon);
        if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
        const auto address = IpAddress::parse(host);
        const auto port = number<std::uint16_t>(all.substr(colon + 1));
        if (address && port && *port != 0) return {*address, *port};
    }
    complain(key, "ADDRESS:PORT, an IPv6 address in brackets");
    return {};
}

PortRange Reader::port_range(const std::string& key, PortRange fallback) {
    if (!has(key)) return fallback;
    const std::string all = text(key);
    const auto dash = all.find('-');
    const auto first = number<std::uint16_t>(all.substr(0, dash));
    const auto last =
        dash == std::string::npos ? first : number<std::uint16_t>(all.substr(dash + 1));
    if (first && last && *first != 0 && *first <= *last) return {*first, *last};
    complain(key, "a port or FIRST-LAST");
    return fallback;
}

Clients Reader::clients(const std::string& key, const std::string& fallback, PortRange ports) {
    const std::string& from = has(key) ? key : fallback;
    const auto prefix = Prefix::parse(text(from));
    if (prefix && prefix->family() == options_.scenario.family()) return Clients(*prefix, ports);
    complain(from, "a prefix of the service's family");
    return {};
}

std::optional<Mac> Reader::mac(const std::string& key) {
    if (!has(key)) return std::nullopt;
    Mac mac{};
    int end = 0;
    const std::string all = text(key);
    if (std::sscanf(all.c_str(), "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
                    &mac[3], &mac[4], &mac[5], &end) == 6 &&
        static_cast<std::size_t>(end) == all.size())
        return mac;
    complain(key, "a MAC address such as 02:00:00:00:00:01");
    return std::nullopt;
}

void Reader::take_scenario() {
    Scenario& s = options_.scenario;
    choose<Protocol>("protocol", s.protocol, {{"udp", Protocol::udp}, {"tcp", Protocol::tcp}});
    choose<Nat>("nat", s.nat, {{"none", Nat::none}, {"dnat", Nat::dnat}, {"full", Nat::full}});
    s.service = endpoint("service");
    for (const Prefix& node : prefixes("nodes")) s.nodes.push_back(node.address());
    if (s.nodes.empty() || s.nat == Nat::none) s.nodes = {s.service.address};
    if (s.nodes.size() > kMostNodes ||
        std::ranges::any_of(s.nodes, [&](const IpAddress& n) { return n.family() != s.family(); }))
        complain("nodes", "addresses of the service's family, 255 at most");
    take("flows", s.flows, 1U, 1U << 26);
    const PortRange ports = port_range("client-ports", {1024, 61023});
    s.clients = clients("clients", "clients", ports);
    s.fresh_clients = clients("fresh-clients", "clients", ports);
    s.denied_clients = clients("denied-clients", "clients", ports);
    if (s.clients.size() < s.flows)
        complain("flows", "no more than --clients and --client-ports give");
    s.denied = s.service;
    take("denied-port", s.denied.port, std::uint16_t{1}, std::uint16_t{65535});
    s.client_side.hosts = prefixes("client-hosts");
    s.node_side.hosts = prefixes("node-hosts");
    if (s.node_side.hosts.empty())
        for (const IpAddress& node : s.nodes) s.node_side.hosts.push_back(Prefix::host(node));
    address("client-firewall", s.client_side.firewall);
    address("node-firewall", s.node_side.firewall);
    s.peer = mac("peer-mac");
    if (!s.peer)
        for (const char* key : {"client-hosts", "client-firewall", "node-firewall"})
            if (!has(key)) throw Failure("--" + std::string(key) + " or --peer-mac is needed");
    if (!s.client_side.hosts.empty()) s.client_side.speaker = s.client_side.hosts.front().address();
    s.node_side.speaker = s.node_side.hosts.front().address();
}

std::vector<Sizes> Reader::sizes(unsigned smallest) {
    std::vector<Sizes> out;
    for (const std::string& name : split(has("sizes") ? text("sizes") : "64")) {
        if (name == "imix") {  // 7:4:1, the usual mix, in an order that spreads the large ones
            constexpr std::uint16_t kSmall = 64, kMiddle = 576, kLarge = 1500;
            const auto small = static_cast<std::uint16_t>(std::max<unsigned>(kSmall, smallest));
            out.push_back({name,
                           {small, kMiddle, small, small, kMiddle, small, kLarge, small, kMiddle,
                            small, small, kMiddle}});
            continue;
        }
        const auto size = number<std::uint16_t>(name);
        if (size && *size >= smallest && *size <= kLargestFrame)
            out.push_back({name, {*size}});
        else
            complain("sizes", "imix or numbers from " + std::to_string(smallest) +
                                  " (headers and a tag of ten bytes) to " +
                                  std::to_string(kLargestFrame));
    }
    return out;
}

void Reader::take_trial() {
    TrialPlan& t = options_.trial;
    choose<Mode>("mode", options_.mode,
                 {{"run", Mode::run}, {"search", Mode::search}, {"latency", Mode::latency}});
    std::pair<bool, bool> directions{true, true};
    choose<std::pair<bool, bool>>(
        "direction", directions,
        {{"both", {true, true}}, {"out", {true, false}}, {"back", {false, true}}});
    t.out = directions.first;
    t.back = directions.second;
    options_.sizes =
        sizes(Layout(options_.scenario.family(), options_.scenario.protocol).smallest());
    take("fresh", t.fresh_percent, 0U, 100U);
    take("denied", t.denied_percent, 0U, 99U);
    if (t.fresh_percent + t.denied_percent > 100)
        complain("fresh", "no more than 100 with --denied");
    if (t.denied_percent != 0 && !has("denied-port"))
        complain("denied", "0 without --denied-port, where no rule lets them");
    take("rate", t.rate, 0.0, 1e9);
    choose<bool>("ramp", t.ramp, {{"on", true}, {"off", false}});
    if (t.ramp && t.rate == 0) complain("ramp", "off without --rate");
    take("warm-up", t.warm_up, 0.0, 3600.0);
    take("seconds", t.seconds, 0.01, 86400.0);
    take("windows", t.window_ms, 0U, 60000U);
    take("check-every", t.check_every, 1U, 1000000U);
    if (t.ramp) t.warm_up = 0;
    SearchPlan& s = options_.search;
    take("trial-seconds", s.seconds, 0.01, 3600.0);
    take("resolution", s.resolution, 0.0001, 0.5);
    take("tolerance", s.tolerance, 0.0, 0.5);
    take("failures", s.failures, 1U, 100U);
    take("highest", s.highest, 0.0, 1e9);
    take("latency-share", options_.latency_share, 0.01, 1.0);
    choose<bool>("check-sessions", options_.check_sessions, {{"on", true}, {"off", false}});
    choose<bool>("linger", options_.linger, {{"on", true}, {"off", false}});
}

}  // namespace

std::optional<Options> read_options(int argc, char** argv) {
    return Reader().read(argc, argv);
}

}  // namespace portcullis::traffic
