#include "control/cli/nft.h"

#include <algorithm>
#include <map>

#include "control/cli/nearest.h"

namespace portcullis::control::cli {
namespace {

using namespace policy;

constexpr std::size_t kLongestNetdev = 15;  // IFNAMSIZ without its terminating 0

std::string quoted(std::string_view text) {
    return "'" + std::string(text) + "'";
}

// What the kernel takes as a name, and nft and a shell without further quoting.
bool is_netdev(std::string_view name) {
    if (name.empty() || name.size() > kLongestNetdev || name.front() == '-' || name.front() == '.')
        return false;
    return std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    });
}

std::string no_such_device(const Policy& policy, const std::string& device) {
    std::vector<std::string_view> names;
    for (const auto& interface : policy.interfaces) names.push_back(interface.device);
    auto message = "--nft-device: the topology has no device " + quoted(device);
    if (const auto close = nearest(device, names))
        return message + "; did you mean " + quoted(*close) + "?";
    std::string list;
    for (const auto name : names) list += (list.empty() ? "" : ", ") + std::string(name);
    return message + "; it has " + list;
}

}  // namespace

tl::expected<nft::Netdevs, std::string> parse_netdevs(const Policy& policy,
                                                      const std::vector<std::string>& texts) {
    nft::Netdevs netdevs;
    for (const auto& text : texts) {
        const auto equals = text.find('=');
        if (equals == std::string::npos || equals == 0)
            return tl::make_unexpected("--nft-device: " + quoted(text) +
                                       " is not of the form DEVICE=NETDEV, as wan=eth0");
        const auto device = text.substr(0, equals);
        const bool known =
            std::any_of(policy.interfaces.begin(), policy.interfaces.end(),
                        [&](const auto& interface) { return interface.device == device; });
        if (!known) return tl::make_unexpected(no_such_device(policy, device));
        if (!netdevs.emplace(device, text.substr(equals + 1)).second)
            return tl::make_unexpected("--nft-device: the device " + quoted(device) +
                                       " is named twice");
    }
    std::map<std::string, const Interface*> taken;
    for (const auto& interface : policy.interfaces) {
        const auto name = nft::netdev_of(interface, netdevs);
        if (!is_netdev(name))
            return tl::make_unexpected(
                quoted(name) + " cannot be the kernel's name of device " +
                quoted(interface.device) +
                " (at most 15 letters, digits, '.', '_' and '-'): name it with --nft-device " +
                interface.device + "=NETDEV");
        const auto [first, added] = taken.emplace(name, &interface);
        if (!added)
            return tl::make_unexpected("the interfaces " + quoted(first->second->name) + " and " +
                                       quoted(interface.name) + " would both be " + quoted(name) +
                                       ": give each device its own name with --nft-device");
    }
    return netdevs;
}

}  // namespace portcullis::control::cli
