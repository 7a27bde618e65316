// dataplane.conf: what the data plane must know before any policy (dataplane.conf.example is
// annotated).
//
//     workers = 2
//     [device.wan]
//     vdev = net_af_packet0,iface=wan
//
// Every problem of a file is found and reported at once, as "FILE:LINE: what is wrong, what to do".
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "nic/device.h"
#include "rules/inspect/inspection_limits.h"

namespace portcullis::dataplane {

struct Config {
    unsigned workers = 1;
    unsigned main_core = 0;
    std::vector<unsigned> cores;  // one a worker
    bool idle_sleep = false;      // a worker without packets sleeps up to 50 us instead of spinning
    std::uint32_t sessions = 1U << 20;  // of all workers together
    inspect::Limits inspection;         // of each worker
    unsigned memory_mib = 1024;
    bool huge = true;
    std::string peer_socket = "/run/portcullis/peer.sock";
    std::string image = "/var/lib/portcullis/current";  // written by control, read at start
    std::string state_dir = "/var/lib/portcullis";      // the rendezvous key
    std::string user;          // who to become once the devices are up; empty: stay
    std::string control_user;  // who may connect to the peer link, besides root and this user
    std::string log_level = "info";
    std::vector<nic::DeviceConfig> devices;
};

using ConfigErrors = std::vector<std::string>;

// `file_name` is for the messages; `usable_cores` are those of this machine, ascending: cores that
// the file does not name are chosen among them.
tl::expected<Config, ConfigErrors> read_config(std::istream& text, const std::string& file_name,
                                               const std::vector<unsigned>& usable_cores);

}  // namespace portcullis::dataplane
