#include "nic/probe.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <optional>

#include "nic/device.h"
#include "nic/log.h"
#include "nic/machine.h"

namespace portcullis::nic {
namespace {

using Step = tl::expected<void, std::string>;

// The argument `key` of a vdev, e.g. iface of "net_af_packet0,iface=wan".
std::optional<std::string> argument(const std::string& vdev, const std::string& key) {
    const auto at = vdev.find("," + key + "=");
    if (at == std::string::npos) return std::nullopt;
    const auto begin = at + key.size() + 2;
    return vdev.substr(begin, vdev.find(',', begin) - begin);
}

// Drivers that take a kernel interface and are told how many of its queues: each must be read, and
// each worker needs one to send by.
struct QueueArgument {
    const char* driver;
    const char* key;
    const char* reason;
};
constexpr QueueArgument kQueueArguments[] = {
    {"net_af_packet", "qpairs", "af_packet needs one queue pair for each worker"},
    {"net_af_xdp", "queue_count", "af_xdp needs one queue for each worker"},
};

Step check_vdev(std::string& vdev, unsigned workers) {
    for (const QueueArgument& known : kQueueArguments) {
        if (!vdev.starts_with(known.driver)) continue;
        const auto iface = argument(vdev, "iface");
        if (!iface)
            return tl::unexpected(
                std::string("`vdev` lacks iface=NAME, the interface to take over"));
        if (!interface_exists(*iface))
            return tl::unexpected("there is no interface " + *iface +
                                  " here (`ip link` lists them): create it or correct `vdev`");
        const auto queues = argument(vdev, known.key);
        const std::string wanted = std::string(known.key) + "=" + std::to_string(workers);
        if (!queues) vdev += "," + wanted;
        if (queues && *queues != std::to_string(workers))
            return tl::unexpected(std::string(known.key) + "=" + *queues + " but `workers` is " +
                                  std::to_string(workers) + ": " + known.reason);
    }
    return {};
}

Step check_pci(const std::string& address) {
    const auto driver = pci_driver(address);
    if (!driver)
        return tl::unexpected("there is no PCI device " + address + " (`lspci -D` lists them)");
    // mlx5 works beside its kernel driver.
    if (driver->starts_with("vfio") || driver->starts_with("uio") || *driver == "igb_uio" ||
        *driver == "mlx5_core")
        return {};
    return tl::unexpected("PCI device " + address + " is " +
                          (driver->empty() ? "not bound" : "bound to " + *driver) +
                          ": hand it over with `dpdk-devbind.py --bind=vfio-pci " + address + "`");
}

}  // namespace

std::string complaint_or(int error) {
    const std::string complaint = take_complaint();
    return complaint.empty() ? rte_strerror(-error) : complaint;
}

tl::expected<std::uint16_t, std::string> probe(const DeviceConfig& config, unsigned workers) {
    take_complaint();
    std::string name = config.pci;
    if (config.pci.empty()) {
        std::string vdev = config.vdev;
        if (auto good = check_vdev(vdev, workers); !good) return tl::unexpected(good.error());
        name = vdev.substr(0, vdev.find(','));
        if (const int error = rte_dev_probe(vdev.c_str()); error != 0)
            return tl::unexpected("cannot open `vdev = " + config.vdev +
                                  "`: " + complaint_or(error));
    } else if (auto good = check_pci(config.pci); !good) {
        return tl::unexpected(good.error());
    }
    std::uint16_t port = 0;
    if (const int error = rte_eth_dev_get_port_by_name(name.c_str(), &port); error != 0)
        return tl::unexpected("no driver took " + name + ": " + complaint_or(error));
    return port;
}

}  // namespace portcullis::nic
