// What generate.py writes: the signatures as constant data. Only signatures.cpp reads it.
#pragma once

#include <span>
#include <string_view>

#include "rules/signatures/signatures.h"

namespace portcullis::signatures {

extern const std::span<const SignatureClass> kClasses;         // in the order of ProtocolClass
extern const std::span<const std::string_view> kMessageNames;  // in the order of the enum

}  // namespace portcullis::signatures
