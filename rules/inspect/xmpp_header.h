// The stream header of XMPP between servers: RFC 6120 4.8.2. Its beginning has matched the pattern.
#pragma once

#include "rules/inspect/judge.h"

namespace portcullis::inspect {

// `start`: behind "<stream:stream" and the white space that follows. What is no client's says so: its
// default namespace is jabber:server.
Judgement judge_xmpp_header(Bytes stream, std::uint32_t start);

}  // namespace portcullis::inspect
