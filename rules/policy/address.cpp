#include "rules/policy/address.h"

#include <algorithm>
#include <charconv>

namespace portcullis::policy {
namespace {

// Every bit position below is in the 128-bit space; IPv4 begins behind ::ffff:0:0/96.
constexpr unsigned kMappedBits = 96;

unsigned mapped_length(Family family, unsigned length) {
    return family == Family::ipv4 ? kMappedBits + length : length;
}

// The mask of byte `index` for the first `bits` bits of 16 bytes.
std::uint8_t mask_of(unsigned bits, unsigned index) {
    if (bits >= 8 * (index + 1)) return 0xff;
    if (bits <= 8 * index) return 0;
    return static_cast<std::uint8_t>(0xff00U >> (bits - 8 * index));
}

bool same_leading_bits(const IpAddress& a, const IpAddress& b, unsigned bits) {
    for (unsigned i = 0; i < 16; ++i)
        if (((a.bytes()[i] ^ b.bytes()[i]) & mask_of(bits, i)) != 0) return false;
    return true;
}

// Decimal without sign, spaces or leading zeros ("010" is octal to some readers, so it is
// nobody's).
std::optional<unsigned> parse_decimal(std::string_view text, unsigned largest) {
    if (text.empty() || text.size() > 3 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > largest)
        return std::nullopt;
    return value;
}

std::optional<std::uint32_t> parse_dotted_quad(std::string_view text) {
    std::uint32_t value = 0;
    for (int part = 0; part < 4; ++part) {
        const auto dot = text.find('.');
        if ((dot == std::string_view::npos) != (part == 3)) return std::nullopt;
        const auto byte = parse_decimal(text.substr(0, dot), 255);
        if (!byte) return std::nullopt;
        value = value << 8 | *byte;
        text.remove_prefix(part == 3 ? text.size() : dot + 1);
    }
    return value;
}

// The groups on one side of "::" (or of a whole address): appended to `groups`. A dotted quad may
// stand for the last two groups of an address (RFC 4291 section 2.2, form 3).
bool parse_groups(std::string_view text, bool quad_allowed, std::vector<std::uint16_t>& groups) {
    if (text.empty()) return true;
    while (true) {
        const auto colon = text.find(':');
        const auto piece = text.substr(0, colon);
        if (colon == std::string_view::npos && piece.find('.') != std::string_view::npos) {
            const auto quad = parse_dotted_quad(piece);
            if (!quad_allowed || !quad) return false;
            groups.push_back(static_cast<std::uint16_t>(*quad >> 16));
            groups.push_back(static_cast<std::uint16_t>(*quad & 0xffff));
            return true;
        }
        if (piece.empty() || piece.size() > 4 || groups.size() >= 8) return false;
        std::uint16_t group = 0;
        const auto [end, error] =
            std::from_chars(piece.data(), piece.data() + piece.size(), group, 16);
        if (error != std::errc{} || end != piece.data() + piece.size()) return false;
        groups.push_back(group);
        if (colon == std::string_view::npos) return true;
        text.remove_prefix(colon + 1);
    }
}

std::optional<IpAddress> parse_v6(std::string_view text) {
    std::vector<std::uint16_t> head;
    std::vector<std::uint16_t> tail;
    const auto gap = text.find("::");
    if (gap == std::string_view::npos) {
        if (!parse_groups(text, true, head) || head.size() != 8) return std::nullopt;
    } else {
        if (!parse_groups(text.substr(0, gap), false, head)) return std::nullopt;
        if (!parse_groups(text.substr(gap + 2), true, tail)) return std::nullopt;
        if (head.size() + tail.size() > 7) return std::nullopt;
        head.resize(8 - tail.size());
        head.insert(head.end(), tail.begin(), tail.end());
    }
    std::array<std::uint8_t, 16> bytes{};
    for (unsigned i = 0; i < 8; ++i) {
        bytes[2 * i] = static_cast<std::uint8_t>(head[i] >> 8);
        bytes[2 * i + 1] = static_cast<std::uint8_t>(head[i] & 0xff);
    }
    const auto address = IpAddress::from_bytes(bytes);
    if (address.is_v4()) return std::nullopt;
    return address;
}

std::string v6_text(const IpAddress& address) {
    std::array<unsigned, 8> groups{};
    for (unsigned i = 0; i < 8; ++i)
        groups[i] = static_cast<unsigned>(address.bytes()[2 * i] << 8) | address.bytes()[2 * i + 1];
    // RFC 5952 section 4.2: the first of the longest runs of at least two zero groups is "::".
    unsigned best = 0;
    unsigned best_length = 1;
    for (unsigned i = 0; i < 8; ++i) {
        unsigned length = 0;
        while (i + length < 8 && groups[i + length] == 0) ++length;
        if (length > best_length) {
            best = i;
            best_length = length;
        }
    }
    if (best_length < 2) best = 8;
    std::string text;
    for (unsigned i = 0; i < 8; ++i) {
        if (i == best) {
            text += "::";
            i += best_length - 1;
            continue;
        }
        if (!text.empty() && text.back() != ':') text += ':';
        std::array<char, 4> digits{};
        const auto end =
            std::to_chars(digits.data(), digits.data() + digits.size(), groups[i], 16).ptr;
        text.append(digits.data(), end);
    }
    return text;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    if (text.find(':') != std::string_view::npos) return parse_v6(text);
    if (const auto quad = parse_dotted_quad(text)) return from_v4(*quad);
    return std::nullopt;
}

std::string IpAddress::to_string() const {
    if (!is_v4()) return v6_text(*this);
    std::string text;
    for (unsigned i = 12; i < 16; ++i) {
        if (i > 12) text += '.';
        text += std::to_string(bytes_[i]);
    }
    return text;
}

Prefix Prefix::make(const IpAddress& address, unsigned length) {
    Prefix prefix;
    prefix.family_ = address.family();
    prefix.length_ =
        static_cast<std::uint8_t>(std::min(length, prefix.family_ == Family::ipv4 ? 32U : 128U));
    auto bytes = address.bytes();
    for (unsigned i = 0; i < 16; ++i)
        bytes[i] &= mask_of(mapped_length(prefix.family_, prefix.length_), i);
    prefix.address_ = IpAddress::from_bytes(bytes);
    return prefix;
}

Prefix Prefix::host(const IpAddress& address) {
    return make(address, 128);
}

Prefix Prefix::all(Family family) {
    return family == Family::ipv4 ? make(IpAddress::from_v4(0), 0) : make(IpAddress(), 0);
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    if (slash == std::string_view::npos) return host(*address);
    const auto length = parse_decimal(text.substr(slash + 1), address->is_v4() ? 32 : 128);
    if (!length) return std::nullopt;
    const auto prefix = make(*address, *length);
    if (prefix.address() != *address) return std::nullopt;
    return prefix;
}

bool Prefix::contains(const IpAddress& address) const {
    return address.family() == family_ &&
           same_leading_bits(address_, address, mapped_length(family_, length_));
}

bool Prefix::contains(const Prefix& other) const {
    return other.family_ == family_ && other.length_ >= length_ &&
           same_leading_bits(address_, other.address_, mapped_length(family_, length_));
}

std::string Prefix::to_string() const {
    const bool is_host = length_ == (family_ == Family::ipv4 ? 32 : 128);
    return is_host ? address_.to_string() : address_.to_string() + "/" + std::to_string(length_);
}

}  // namespace portcullis::policy
