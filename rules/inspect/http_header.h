// The header of an HTTP/1 request: RFC 9112 3.2, RFC 9110 7.8. Its request line has matched the pattern.
//
// An Upgrade to anything but HTTP/2 or TLS asks for a tunnel, as CONNECT does: WebSocket above all. So
// the whole header is read, which is at most 16 KiB, as IIS has it.
#pragma once

#include "rules/inspect/judge.h"

namespace portcullis::inspect {

// `line`: where the request line ends, its CRLF included.
Judgement judge_http_header(Bytes stream, std::uint32_t line);

}  // namespace portcullis::inspect
