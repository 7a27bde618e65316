#include "rules/signatures/signatures.h"

#include <algorithm>

#include "rules/signatures/tables.h"

namespace portcullis::signatures {

std::string_view to_string(Message message) {
    return kMessageNames[static_cast<unsigned>(message)];
}

std::span<const SignatureClass> classes() {
    return kClasses;
}

const SignatureClass* find(policy::ProtocolClass protocol) {
    const auto found = std::ranges::find(kClasses, protocol, &SignatureClass::protocol);
    return found == kClasses.end() ? nullptr : &*found;
}

}  // namespace portcullis::signatures
