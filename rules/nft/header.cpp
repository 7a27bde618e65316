#include "rules/nft/header.h"

#include <algorithm>
#include <vector>

#include "rules/policy/image.h"

namespace portcullis::nft {
namespace {

using namespace policy;

constexpr const char* kMeaning = R"(#
# One table, `inet portcullis`. What it says, as the policy does:
#   - Sources enter by their own zone's interface only; our addresses and bogons are no sources.
#   - The first packet of a connection is judged untranslated by the first rule of its zones that
#     covers it; each such line carries the id of its rule (`portcullis rules` has the reasons).
#     TCP starts with a SYN. Silence denies. Replies and ICMP errors about them pass by conntrack.
#   - Services: destination, or destination and source, translated; the node is chosen by a hash of
#     the source address, by weight. What leaves as a VIP has a source port of 1024-65535.
#   - Idle times of each service, echo to our own addresses within a rate, Neighbour Discovery.
#
# What it does not say, and the data plane does:
#   - Nodes are not probed: a dead node keeps its share of new connections until you edit the map.
#   - `jhash ip saddr mod N map` is no rendezvous hash: a change of nodes or weights moves most
#     sources, and the node of a source is another one than with Portcullis.
#   - A/V twin paths: a client that uses the VIP and the node behind it from one socket has two
#     connections with one reply tuple. Conntrack gives the second another source port (the client's
#     port must not change) and cannot tell by which path a request came.
#   - A source port of ours is not kept free for 120 s after its last use, and may be that of a service.
#   - Connections are not bound to the interface of their first packet.
#   - TCP windows are checked by conntrack's rules, which let more pass; half-closed and closing
#     connections have the kernel's times. Embryonic connections are not limited by source.
#   - Fragments and IPv4 options pass (conntrack reassembles); Portcullis drops them.
#   - A new ruleset does not judge living connections again; a push does.
#   - Nothing looks at first bytes: a session is held to no protocol and to no published name.
#   - ARP, path MTU and rate limits of ICMP errors are the kernel's (sysctl).
#
# Only these interfaces are guarded; what belongs to other ones (management) is neither read nor
# forwarded to or from these. Connections are marked (ct mark) with the number of their service.
#
# The host's part, as root, before `nft -f` (all of it: sed -n "s,^#[$] ,,p" FILE | sh -e):
)";

class Commands {
  public:
    Commands(const Policy& policy, const Netdevs& netdevs) : policy_(policy), netdevs_(netdevs) {}

    std::vector<std::string> list() {
        add("sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
        for (const auto& interface : policy_.interfaces) add_interface(interface);
        for (const auto& entry : policy_.routes) {
            const auto& netdev = netdev_of(policy_.interfaces.at(entry.interface), netdevs_);
            add(ip(entry.prefix.family()) + "route replace " + entry.prefix.to_string() + " via " +
                entry.gateway.to_string() + " dev " + netdev);
        }
        return std::move(lines_);
    }

  private:
    void add(std::string line) { lines_.push_back(std::move(line)); }

    static std::string ip(Family family) { return family == Family::ipv4 ? "ip " : "ip -6 "; }

    void add_interface(const Interface& interface) {
        const auto netdev = netdev_of(interface, netdevs_);
        add("ip link set " + netdev + " mtu " + std::to_string(interface.mtu) + " up");
        const auto add_address = [&](const IpAddress& address, unsigned length) {
            add("ip address replace " + address.to_string() + "/" + std::to_string(length) +
                " dev " + netdev + (address.is_v4() ? "" : " nodad"));
        };
        for (const auto& own : interface.addresses) add_address(own.address, own.prefix_length);
        std::vector<IpAddress> foreign;
        for (const auto& address : interface.answered) {
            const bool interface_address =
                std::any_of(interface.addresses.begin(), interface.addresses.end(),
                            [&](const auto& own) { return own.address == address; });
            if (interface_address) continue;
            if (classify(policy_, address).kind == AddressKind::own)
                add_address(address, address.is_v4() ? 32 : 128);
            else
                foreign.push_back(address);
        }
        const bool foreign_v6 = std::any_of(foreign.begin(), foreign.end(),
                                            [](const auto& address) { return !address.is_v4(); });
        if (foreign_v6) add("sysctl -w net.ipv6.conf." + sysctl_name(netdev) + ".proxy_ndp=1");
        for (const auto& address : foreign)
            add(ip(address.family()) + "neighbour replace proxy " + address.to_string() + " dev " +
                netdev);
    }

    // sysctl separates by dots and reads a slash as the dot of a name: "wan.10" is "wan/10".
    static std::string sysctl_name(std::string netdev) {
        std::replace(netdev.begin(), netdev.end(), '.', '/');
        return netdev;
    }

    const Policy& policy_;
    const Netdevs& netdevs_;
    std::vector<std::string> lines_;
};

}  // namespace

std::string write_header(const Policy& policy, const Netdevs& netdevs) {
    std::string text = "#!/usr/sbin/nft -f\n# Portcullis policy " + policy.topology_name + " (" +
                       policy.release + "), " + to_string(image_hash(write_image(policy))) +
                       ", for nftables 1.0.6 and Linux 5.15 or later.\n";
    text += kMeaning;
    for (const auto& line : Commands(policy, netdevs).list()) text += kCommandPrefix + line + '\n';
    return text;
}

}  // namespace portcullis::nft
