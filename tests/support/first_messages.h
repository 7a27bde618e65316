// What real programs send first, recorded by tests/first_messages/record.py.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rules/policy/conformance.h"

namespace portcullis {

struct FirstMessage {
    std::string name;                            // of the file, without .hex
    std::vector<policy::ProtocolClass> classes;  // that it is a genuine beginning of
    std::vector<std::uint8_t> bytes;             // the first segment, or the datagram
};
// Sorted by name. Throws what is wrong with a file, for then the tests would test nothing.
std::vector<FirstMessage> first_messages();

}  // namespace portcullis
