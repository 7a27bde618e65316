// The part of reader.h that is about addresses and prefixes.
#include <charconv>

#include "rules/topology/reader.h"

namespace portcullis::topology {
namespace {

bool looks_mapped(std::string_view text) {
    std::string lower(text.substr(0, 24));
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return lower.starts_with("::ffff:") || lower.starts_with("0:0:0:0:0:ffff:") ||
           lower.starts_with("0::ffff:");
}

void not_an_address(const Field& field, std::string_view text, Reporter& errors) {
    if (looks_mapped(text)) {
        errors.add(field.node->where,
                   field.path + ": " + quote(text) + " is an IPv4 address written as IPv6",
                   "write the IPv4 address by itself");
        return;
    }
    errors.add(field.node->where, field.path + ": " + quote(text) + " is not an IP address",
               "write an address such as 192.0.2.1 or 2001:db8::1");
}

// Why no host can have this address; empty where one can.
std::string_view not_a_host(const IpAddress& address) {
    const auto in = [&](const char* prefix) { return Prefix::parse(prefix)->contains(address); };
    if (address.is_v4()) {
        if (in("0.0.0.0/8")) return "is in 0.0.0.0/8";
        if (in("127.0.0.0/8")) return "is a loopback address";
        if (in("169.254.0.0/16")) return "is a link-local address";
        if (in("224.0.0.0/4")) return "is a multicast address";
        if (in("240.0.0.0/4")) return "is a reserved address";
        return "";
    }
    if (in("::")) return "is the unspecified address";
    if (in("::1")) return "is the loopback address";
    if (in("fe80::/10")) return "is a link-local address";
    if (in("ff00::/8")) return "is a multicast address";
    return "";
}

std::optional<IpAddress> host_address(const Field& field, std::string_view text, Reporter& errors) {
    const auto address = IpAddress::parse(text);
    if (!address) {
        not_an_address(field, text, errors);
        return std::nullopt;
    }
    if (const auto why = not_a_host(*address); !why.empty()) {
        errors.add(field.node->where, field.path + ": " + quote(text) + " " + std::string(why),
                   "write the address of one host");
        return std::nullopt;
    }
    return address;
}

std::optional<unsigned> parse_length(std::string_view text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool padded = text.size() > 1 && text.front() == '0';
    if (text.empty() || padded || text.size() > 3 || error != std::errc{} ||
        end != text.data() + text.size())
        return std::nullopt;
    return value;
}

}  // namespace

std::optional<IpAddress> read_address(const Field& field, Reporter& errors) {
    const auto text = read_text(field, "an address", errors);
    if (!text) return std::nullopt;
    if (const auto slash = text->find('/');
        slash != std::string_view::npos && IpAddress::parse(text->substr(0, slash))) {
        errors.add(field.node->where,
                   field.path + ": " + quote(*text) + " has a prefix length, an address has none",
                   "write " + std::string(text->substr(0, slash)));
        return std::nullopt;
    }
    return host_address(field, *text, errors);
}

std::optional<Prefix> read_prefix(const Field& field, Reporter& errors) {
    const auto text = read_text(field, "a network", errors);
    if (!text) return std::nullopt;
    if (const auto prefix = Prefix::parse(*text)) return prefix;
    const auto slash = text->find('/');
    const auto address = IpAddress::parse(text->substr(0, slash));
    const auto length =
        slash == std::string_view::npos ? std::nullopt : parse_length(text->substr(slash + 1));
    if (address && length && *length <= (address->is_v4() ? 32U : 128U)) {
        errors.add(field.node->where,
                   field.path + ": " + quote(*text) + " names a host and a network at once",
                   "write " + Prefix::make(*address, *length).to_string() + " for the network, " +
                       address->to_string() + " for the host");
        return std::nullopt;
    }
    if (looks_mapped(*text)) {
        not_an_address(field, *text, errors);
        return std::nullopt;
    }
    errors.add(field.node->where, field.path + ": " + quote(*text) + " is not a network",
               "write a network such as 192.0.2.0/24 or 2001:db8::/32, or one address");
    return std::nullopt;
}

std::optional<InterfaceAddress> read_interface_address(const Field& field, Reporter& errors) {
    const auto text = read_text(field, "an address with its prefix length", errors);
    if (!text) return std::nullopt;
    const auto slash = text->find('/');
    const auto address = host_address(field, text->substr(0, slash), errors);
    if (!address) return std::nullopt;
    const unsigned longest = address->is_v4() ? 32 : 128;
    const auto length =
        slash == std::string_view::npos ? std::nullopt : parse_length(text->substr(slash + 1));
    if (!length || *length < 1 || *length > longest) {
        errors.add(field.node->where,
                   field.path + ": " + quote(*text) + " lacks a prefix length from 1 to " +
                       std::to_string(longest),
                   "write the interface's address and its network's length, such as " +
                       address->to_string() + (address->is_v4() ? "/24" : "/64"));
        return std::nullopt;
    }
    return InterfaceAddress{*address, static_cast<std::uint8_t>(*length)};
}

DualField read_dual(const Field& field, Reporter& errors) {
    DualField dual;
    const auto items = items_of(field, errors);
    dual.valid = !items.empty();
    if (items.empty())
        errors.add(field.where, field.path + ": the list is empty",
                   "write an address, or one IPv4 and one IPv6 address");
    for (const auto& item : items) {
        const auto address = read_address(item, errors);
        if (!address) {
            dual.valid = false;
            continue;
        }
        auto& slot = address->is_v4() ? dual.address.v4 : dual.address.v6;
        if (slot) {
            errors.add(item.node->where,
                       field.path + ": " + address->to_string() + " is a second " +
                           (address->is_v4() ? "IPv4" : "IPv6") + " address",
                       "give at most one IPv4 and one IPv6 address");
            dual.valid = false;
            continue;
        }
        slot = address;
        (address->is_v4() ? dual.v4 : dual.v6) = {item.node, field.path, item.node->where};
    }
    return dual;
}

}  // namespace portcullis::topology
