// portcullis neighbours, interfaces, nodes, hits, denies, history: lists without options of their
// own.
#include "control/cli/online.h"

namespace portcullis::control::cli {
namespace {

constexpr const char* kExitCodes = "Exit codes: 0 done, 1 nobody answers, 2 usage.";

const Usage kNeighboursUsage{"neighbours", "",
                             "Lists the next hops and what ARP and ND know of them.", kExitCodes};
const Usage kInterfacesUsage{"interfaces", "", "Lists the interfaces of the running policy.",
                             kExitCodes};
const Usage kNodesUsage{"nodes", "", "Lists the nodes of each service, and whether they answer.",
                        kExitCodes};
const Usage kHitsUsage{
    "hits", "", "Lists the rules of the running policy and how often each decided.", kExitCodes};
const Usage kDeniesUsage{"denies", "", "Lists the last denied packets that the data plane sampled.",
                         kExitCodes};
const Usage kHistoryUsage{"history", "", "Lists the last pushes and rollbacks and how they ended.",
                          kExitCodes};

std::vector<std::string> neighbour_row(const Json& neighbour) {
    return {cell(neighbour, "interface"), cell(neighbour, "address"), cell(neighbour, "mac"),
            cell(neighbour, "state"), duration(count(neighbour, "age_seconds"))};
}

// Packets read by each worker: "1200 + 1180".
std::string joined(const Json& queues) {
    std::string text;
    if (queues.is_array())
        for (const auto& queue : queues)
            text += (text.empty() ? "" : " + ") + std::to_string(queue.get<std::uint64_t>());
    return text;
}

std::vector<std::string> interface_row(const Json& interface) {
    const auto vlan = count(interface, "vlan");
    return {cell(interface, "name"),
            cell(interface, "device") + (vlan == 0 ? "" : " vlan " + std::to_string(vlan)),
            member(interface, "link_up") == true
                ? std::to_string(count(interface, "speed_mbps")) + " Mbit/s"
                : "down",
            cell(interface, "mac"),
            cell(interface, "mtu"),
            cell(interface, "zones"),
            cell(interface, "rx_packets"),
            cell(interface, "tx_packets"),
            cell(interface, "rx_missed"),
            cell(interface, "driver") +
                (member(interface, "promiscuous") == true ? ", promiscuous" : ""),
            joined(member(interface, "queue_rx")),
            cell(interface, "steering")};
}

std::vector<std::string> node_row(const Json& node) {
    return {cell(node, "service"), cell(node, "node"), cell(node, "address"),
            member(node, "up") == true ? "up" : "DOWN", duration(count(node, "since_seconds"))};
}

std::vector<std::string> hit_row(const Json& rule) {
    return {cell(rule, "hits"), cell(rule, "action"), cell(rule, "from"),
            cell(rule, "to"),   cell(rule, "rule"),   cell(rule, "reason")};
}

std::vector<std::string> deny_row(const Json& deny) {
    return {time_text(static_cast<std::int64_t>(count(deny, "unix_ms"))),
            cell(deny, "protocol"),
            endpoint(deny, "src", "sport") + " -> " + endpoint(deny, "dst", "dport"),
            cell(deny, "interface"),
            cell(deny, "reason"),
            cell(deny, "rule"),
            cell(deny, "text")};
}

std::vector<std::string> history_row(const Json& entry) {
    const auto& uid = member(entry, "uid");
    const bool somebody = uid.is_number_integer() && uid.get<std::int64_t>() >= 0;
    return {time_text(static_cast<std::int64_t>(count(entry, "unix_ms"))),
            cell(entry, "action"),
            cell(entry, "name"),
            cell(entry, "hash").substr(0, 12),
            somebody ? "uid " + cell(entry, "uid") + " pid " + cell(entry, "pid") : "-",
            cell(entry, "outcome"),
            cell(entry, "text")};
}

}  // namespace

int neighbours_command(const Arguments& arguments, Streams& streams) {
    return show({kNeighboursUsage,
                 "neighbours",
                 "neighbours",
                 {"interface", "address", "mac", "state", "age"},
                 neighbour_row,
                 "no next hop has been looked for yet"},
                arguments, streams);
}

int interfaces_command(const Arguments& arguments, Streams& streams) {
    return show({kInterfacesUsage,
                 "interfaces",
                 "interfaces",
                 {"interface", "device", "link", "mac", "mtu", "zones", "rx", "tx", "missed",
                  "driver", "read by workers", "steering"},
                 interface_row,
                 "no interface: no policy runs"},
                arguments, streams);
}

int nodes_command(const Arguments& arguments, Streams& streams) {
    return show({kNodesUsage,
                 "nodes",
                 "nodes",
                 {"service", "node", "address", "state", "since"},
                 node_row,
                 "no service has nodes"},
                arguments, streams);
}

int hits_command(const Arguments& arguments, Streams& streams) {
    return show({kHitsUsage,
                 "rules",
                 "rules",
                 {"hits", "action", "from", "to", "rule", "reason"},
                 hit_row,
                 "no rule: no policy runs"},
                arguments, streams);
}

int denies_command(const Arguments& arguments, Streams& streams) {
    return show({kDeniesUsage,
                 "denies",
                 "denies",
                 {"time", "proto", "packet", "in", "reason", "rule", "why"},
                 deny_row,
                 "nothing was denied lately"},
                arguments, streams);
}

int history_command(const Arguments& arguments, Streams& streams) {
    return show({kHistoryUsage,
                 "history",
                 "history",
                 {"time", "action", "topology", "policy", "by", "outcome", ""},
                 history_row,
                 "nothing has been pushed yet"},
                arguments, streams);
}

}  // namespace portcullis::control::cli
