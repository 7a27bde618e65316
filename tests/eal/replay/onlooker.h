// A TCP connection as a capture shows it, and why a stateful firewall may drop a packet of it: known by
// the capture alone, not by what the data plane says.
#pragma once

#include <string_view>

#include "dataplane/session/tcp.h"
#include "tests/eal/replay/recording.h"

namespace portcullis::dataplane::test {

enum class Excuse : std::uint8_t {
    none,
    wrong_checksum,
    too_long,         // a datagram that would need fragments
    nobody,           // an answer, and nothing that it answers has come out; UDP: and what follows
    bad_flags,        // flags that no stack sends together
    after_the_end,    // behind a RST, or behind the FIN of both ends
    not_captured,     // it acknowledges what the other end is not seen to have sent
    beyond_window,    // of what its receiver is seen to have granted
    stray_handshake,  // SYN or SYN-ACK within the connection, or another one for it
    no_handshake,     // the answer to the SYN has not been captured
    old,              // it brings nothing new: its bytes have come before
    ahead,            // before the session is decided: what comes before it does not come
    urgent,           // likewise: its receiver may read it differently
};
inline constexpr unsigned kExcuses = 13;
std::string_view to_string(Excuse excuse);  // "wrong checksum"

TcpSegment read(const RecordedPacket& packet);

class Onlooker {
  public:
    // Call it for each packet, in the order of the capture.
    Excuse look(const RecordedPacket& packet);
    bool has_handshake() const { return ends_[0].seen && ends_[1].seen; }

  private:
    struct End {
        bool seen = false;
        bool fin = false;
        bool scales = false;
        std::uint8_t scale = 0;
        std::uint32_t first = 0;    // sequence number of its SYN
        std::uint32_t next = 0;     // behind what has come without a gap
        std::uint32_t end = 0;      // behind the last byte
        std::uint32_t granted = 0;  // up to here it may send
    };

    Excuse excuse(const TcpSegment& segment, const End& sender, const End& receiver,
                  bool from_initiator) const;
    void learn(const TcpSegment& segment, End& sender, End& receiver);
    void choose_answer(const TcpSegment& segment);

    End ends_[2];  // initiator, responder
    // What the SYN was answered, each with a sequence number of its own, until one is acknowledged.
    std::vector<End> answers_;
    bool chosen_ = false;
    bool ended_ = false;
};

}  // namespace portcullis::dataplane::test
