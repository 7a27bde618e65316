// What a flow is: the class that its first bytes are of, or what is to be said where there is none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/identify/judge.h"

namespace portcullis::control::identify {

enum class Seen : std::uint8_t {
    recognised,    // as Recognition::protocol
    unknown,       // every class refuses it
    undecided,     // too little was captured to tell
    truncated,     // likewise, and the capture has cut packets
    server_first,  // the responder sent before the initiator
    no_payload,    // nobody sent anything
    no_start,      // TCP without its beginning
};
std::string_view to_string(Seen seen);  // "server first"

struct Recognition {
    struct Class {
        policy::ProtocolClass protocol = policy::ProtocolClass::none;
        Judgement judgement;
    };
    Seen seen = Seen::unknown;
    policy::ProtocolClass protocol = policy::ProtocolClass::none;
    std::vector<Class> classes;  // those of its transport, in the order of classes()
    std::string server_name;     // of a TLS ClientHello; "" where there is none
    std::vector<std::string> notes;
};

// `judge` is of Judge::create(). `only`: none for all classes.
Recognition recognise(Judge& judge, const Flow& flow, const Order& order,
                      policy::ProtocolClass only = policy::ProtocolClass::none);

}  // namespace portcullis::control::identify
