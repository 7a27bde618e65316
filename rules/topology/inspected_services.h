// The services whose sessions can be held to their protocol, by the names that the section
// `conformance` of a topology uses. Which rule belongs to which is found by the compiler
// (rules/compile/conformance.cpp); what a class means, by rules/signatures/ and rules/inspect/.
#pragma once

#include <span>
#include <string_view>

#include "rules/policy/conformance.h"

namespace portcullis::topology {

struct InspectedService {
    std::string_view name;  // "access-443"
    policy::ProtocolClass protocol = policy::ProtocolClass::none;
    std::string_view what;  // "SIP at the Access VIP, from clients"
};

std::span<const InspectedService> inspected_services();
const InspectedService* find_inspected_service(std::string_view name);  // nullptr if there is none
std::span<const std::string_view> inspected_service_words();            // their names

}  // namespace portcullis::topology
