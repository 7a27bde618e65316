// Ping to our own addresses (RFC 792, RFC 4443 section 4).
#pragma once

#include <optional>

#include "dataplane/host/wire.h"

namespace portcullis::dataplane {

// Is it an echo request whose checksum is right?
bool is_echo_request(const IpView& packet);
// Appends IP header and echo reply to a frame that has its Ethernet header. The request's data
// comes back as it is; the caller has made sure that it fits.
void append_echo_reply(Frame& frame, const IpView& request);

}  // namespace portcullis::dataplane
