#include "control/cli/expectation.h"

#include <algorithm>

#include "rules/policy/address.h"

namespace portcullis::control::cli {
namespace {

// Addresses have several spellings; everything else has one.
Json canonical(const Json& value) {
    if (value.is_string()) {
        const auto address = policy::IpAddress::parse(value.get_ref<const std::string&>());
        return address ? Json(address->to_string()) : value;
    }
    if (!value.is_array()) return value;
    auto sorted = Json::array();
    for (const auto& element : value) sorted.push_back(canonical(element));
    std::sort(sorted.begin(), sorted.end());
    return sorted;
}

bool names_reason(const Json& expected, const Json& reason) {
    return expected.is_string() && reason.is_string() &&
           reason.get_ref<const std::string&>().starts_with(expected.get_ref<const std::string&>() +
                                                            ":");
}

void compare(const Json& expected, const Json& answer, const std::string& field,
             std::vector<std::string>& out) {
    if (expected.is_object() && answer.is_object()) {
        for (const auto& [key, value] : expected.items()) {
            const auto inner = field.empty() ? key : field + "." + key;
            if (answer.contains(key))
                compare(value, answer.at(key), inner, out);
            else
                out.push_back(inner + ": answers have no such field");
        }
        return;
    }
    if (canonical(expected) == canonical(answer)) return;
    if (field == "reason" && names_reason(expected, answer)) return;
    out.push_back(field + ": expected " + expected.dump() + ", got " + answer.dump());
}

}  // namespace

std::vector<std::string> mismatches(const Json& expected, const Json& answer) {
    std::vector<std::string> out;
    if (expected.is_string())
        compare(expected, answer.at("verdict"), "verdict", out);
    else if (expected.is_object())
        compare(expected, answer, "", out);
    else
        out.push_back("expect: is neither an object nor a verdict");
    return out;
}

}  // namespace portcullis::control::cli
