// The ClientHello in the form of SSL 2.0 with which clients up to about 2010 (Windows XP, Java 6,
// OpenSSL 0.9.8) offer SSL 3.0 and TLS 1.x: RFC 5246 appendix E.2. SSL 2.0 itself is no match.
// `stream` may end anywhere; there is never a name.
#pragma once

#include "rules/inspect/tls_hello.h"

namespace portcullis::inspect {

TlsHello parse_sslv2_hello(Bytes stream);

}  // namespace portcullis::inspect
