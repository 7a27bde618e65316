// What follows from who talks to whom on which port: the idle time of a session, and whether its
// replies follow the path of their request. Internal to rules/compile/.
#pragma once

#include "rules/compile/entities.h"

namespace portcullis::compile {

struct Flow {
    Side source = Side::elsewhere;
    Side destination = Side::elsewhere;
    policy::Transport transport = policy::Transport::tcp;
    policy::PortRange source_ports;
    policy::PortRange destination_ports;
};

// SEMANTICS "Service settings".
std::uint32_t idle_seconds(const topology::ServiceSettings& settings, const Flow& flow);

// A client may talk to an A/V or internal VIP and to the node behind it from one socket, and both
// replies then have the same 5-tuple (decision 9). Where the client's address is kept, on both
// paths.
bool is_av_path(const Flow& flow);

}  // namespace portcullis::compile
