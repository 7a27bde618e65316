#include "control/params.h"

#include <algorithm>

namespace portcullis::control {

const Json* Params::find(const char* name) {
    known_.emplace_back(name);
    const auto found = json_.find(name);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
}

void Params::complain(const char* name, const std::string& what) {
    if (complaint_.empty()) complaint_ = std::string(name) + ' ' + what;
}

std::string Params::required_text(const char* name) {
    const auto* value = find(name);
    if (value == nullptr || !value->is_string()) {
        complain(name, value == nullptr ? "is missing: a string" : "is to be a string");
        return {};
    }
    return value->get<std::string>();
}

std::string Params::text(const char* name, std::string otherwise) {
    const auto* value = find(name);
    if (value == nullptr) return otherwise;
    if (!value->is_string()) {
        complain(name, "is to be a string");
        return otherwise;
    }
    return value->get<std::string>();
}

std::uint32_t Params::number(const char* name, std::uint32_t otherwise, std::uint32_t max) {
    const auto* value = find(name);
    if (value == nullptr) return otherwise;
    if (!value->is_number_unsigned() || value->get<std::uint64_t>() > max) {
        complain(name, "is to be a whole number from 0 to " + std::to_string(max));
        return otherwise;
    }
    return value->get<std::uint32_t>();
}

bool Params::flag(const char* name) {
    const auto* value = find(name);
    if (value == nullptr) return false;
    if (!value->is_boolean()) {
        complain(name, "is to be true or false");
        return false;
    }
    return value->get<bool>();
}

std::optional<RpcError> Params::error() {
    for (const auto& [name, value] : json_.items())
        if (std::find(known_.begin(), known_.end(), name) == known_.end())
            complain(name.c_str(), "is no parameter of this method");
    if (complaint_.empty()) return std::nullopt;
    return RpcError{RpcCode::invalid_params, complaint_};
}

}  // namespace portcullis::control
