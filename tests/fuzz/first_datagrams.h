// Datagrams out of an input: of each kind that a UDP service is open for, some of them spoiled, and others.
#pragma once

#include "tests/fuzz/fuzz.h"
#include "tests/support/first_bytes.h"
#include "tests/unit/dataplane/test_packets.h"

namespace portcullis::fuzz {

using dataplane::test::append;
using dataplane::test::Bytes;
using dataplane::test::put16;
using dataplane::test::put32;

inline Bytes stun(fuzz::Input& in, bool ms_turn) {
    Bytes message(20, 0x31);
    put16(message, 0, ms_turn ? 3 : 1);
    if (ms_turn)
        append(message, {0, 0x0f, 0, 4, 0x72, 0xc6, 0x4b, 0xc6});
    else
        put32(message, 4, 0x2112a442);
    const auto length = in.below(8);
    if (length != 0) {
        append(message, Bytes(4 + length, static_cast<std::uint8_t>(length)));
        put16(message, message.size() - 2 - length, static_cast<unsigned>(length));
    }
    put16(message, 2, static_cast<unsigned>(message.size() - 20));
    return message;
}

inline Bytes media(fuzz::Input& in, bool report) {
    Bytes packet(24, 0x5a);
    put16(packet, 0, report ? 0x80c8 : 0x8000);
    put32(packet, report ? 4 : 8, static_cast<std::uint32_t>(in.below(4)));
    put16(packet, 2, report ? 5 : in.u8());
    return packet;
}

inline Bytes make_datagram(fuzz::Input& in) {
    const auto kind = in.u8();
    Bytes bytes;
    switch (kind % 8) {
        case 0:
            bytes = stun(in, false);
            break;
        case 1:
            bytes = stun(in, true);
            break;
        case 2:
        case 3:
            bytes = media(in, kind % 8 == 3);
            break;
        case 4:
            bytes = portcullis::test::dns_query();
            break;
        case 5:
            bytes.assign(in.below(3), 0);
            break;
        case 6:
            bytes = {'a', 'b', in.u8(), 'x'};
            break;
        default: {
            const auto made_up = in.take(in.below(48));
            bytes.assign(made_up.begin(), made_up.end());
        }
    }
    if ((kind & 0x40) != 0) {  // [MS-TURN] 2.2.3
        Bytes head(12, 0);
        put16(head, 0, 0xff10);
        put16(head, 2, static_cast<unsigned>(bytes.size() + 8));
        append(head, bytes);
        bytes = head;
    }
    if ((kind & 0x80) != 0 && !bytes.empty()) bytes[in.below(bytes.size())] ^= in.u8();
    return bytes;
}

}  // namespace portcullis::fuzz
