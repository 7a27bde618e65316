// The fields of an image one after another, each checked before it is believed. Internal to
// image_reader.cpp, which knows their order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "rules/policy/policy.h"

namespace portcullis::policy {

// Well-formed UTF-8 without NUL.
inline bool is_image_text(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i++]);
        if (lead < 0x80) {
            if (lead == 0) return false;
            continue;
        }
        const unsigned more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
        if (lead < 0xc2 || lead > 0xf4 || text.size() - i < more) return false;
        std::uint32_t point = lead & (0x3fU >> more);
        for (unsigned k = 0; k < more; ++k) {
            const auto next = static_cast<unsigned char>(text[i++]);
            if ((next & 0xc0) != 0x80) return false;
            point = point << 6 | (next & 0x3fU);
        }
        const bool too_long = (more == 2 && point < 0x800) || (more == 3 && point < 0x10000);
        if (too_long || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
    }
    return true;
}

// Reads one section. The first failure is kept and everything after it reads as zero, so that
// callers check once, at the end.
class ImageFields {
  public:
    ImageFields(std::span<const std::byte> bytes, std::string_view strings,
                std::size_t& strings_used)
        : bytes_(bytes), strings_(strings), strings_used_(strings_used) {}

    const std::string& error() const { return error_; }
    bool failed() const { return !error_.empty(); }
    bool at_end() const { return bytes_.empty(); }
    void fail(std::string message) {
        if (!failed()) error_ = std::move(message);
        bytes_ = {};
    }

    template <typename Integer>
    Integer integer() {
        static_assert(std::is_unsigned_v<Integer>);
        if (bytes_.size() < sizeof(Integer)) {
            fail("ends within a record");
            return 0;
        }
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < sizeof(Integer); ++i)
            value |= std::to_integer<std::uint64_t>(bytes_[i]) << (8 * i);
        bytes_ = bytes_.subspan(sizeof(Integer));
        return static_cast<Integer>(value);
    }
    bool flag() {
        const auto value = integer<std::uint8_t>();
        if (value > 1) fail("a flag is neither 0 nor 1");
        return value == 1;
    }
    // One of `known`, else the first of them and a failure that names `what`.
    template <typename Enum>
    Enum enumerator(std::string_view what, std::initializer_list<Enum> known) {
        const auto value = integer<std::uint8_t>();
        for (const auto candidate : known)
            if (static_cast<std::uint8_t>(candidate) == value) return candidate;
        fail("unknown " + std::string(what) + " " + std::to_string(value));
        return *known.begin();
    }
    Zone zone() {
        const auto value = integer<std::uint8_t>();
        if (value < kZoneCount) return static_cast<Zone>(value);
        fail("unknown zone " + std::to_string(value));
        return Zone::internet;
    }
    Transport transport() {
        return enumerator("transport", {Transport::icmp, Transport::tcp, Transport::udp});
    }
    ProtocolClass protocol() {
        const auto value = integer<std::uint8_t>();
        if (value < kProtocolClassCount) return static_cast<ProtocolClass>(value);
        fail("unknown class " + std::to_string(value));
        return ProtocolClass::none;
    }
    NatKind nat() {
        return enumerator("NAT kind", {NatKind::none, NatKind::dnat, NatKind::full, NatKind::snat});
    }
    IpAddress address() {
        std::array<std::uint8_t, 16> value{};
        for (auto& byte : value) byte = integer<std::uint8_t>();
        return IpAddress::from_bytes(value);
    }
    std::uint8_t prefix_length(const IpAddress& of) {
        const auto length = integer<std::uint8_t>();
        if (length > (of.is_v4() ? 32 : 128))
            fail("prefix length " + std::to_string(length) + " is too long");
        return length;
    }
    Prefix prefix() {
        const auto base = address();
        const auto made = Prefix::make(base, prefix_length(base));
        if (made.address() != base) fail("prefix " + made.to_string() + " has host bits set");
        return made;
    }
    PortRange ports() {
        const auto first = integer<std::uint16_t>();
        const auto last = integer<std::uint16_t>();
        if (first > last) fail("a port range ends before it begins");
        return {first, last};
    }
    std::string string() {
        const auto offset = integer<std::uint32_t>();
        const auto length = integer<std::uint32_t>();
        if (failed()) return {};
        if (offset != strings_used_ || length > strings_.size() - strings_used_) {
            fail("a string lies outside its place");
            return {};
        }
        const auto text = strings_.substr(offset, length);
        if (!is_image_text(text)) {
            fail("a string is not UTF-8 text");
            return {};
        }
        strings_used_ += length;
        return std::string(text);
    }
    std::vector<std::uint8_t> blob(std::size_t most) {
        const auto size = integer<std::uint32_t>();
        if (size > most || size > bytes_.size()) {
            fail("a block of " + std::to_string(size) + " bytes does not fit");
            return {};
        }
        std::vector<std::uint8_t> out(size);
        if (size > 0) std::memcpy(out.data(), bytes_.data(), size);
        bytes_ = bytes_.subspan(size);
        return out;
    }
    // `records` of them, each at least `least` bytes long.
    template <typename Read>
    auto records(std::size_t records, std::size_t least, Read read) {
        std::vector<decltype(read())> out;
        if (records > bytes_.size() / least) {
            fail("a count of " + std::to_string(records) + " does not fit");
            return out;
        }
        out.reserve(records);
        for (std::size_t i = 0; i < records && !failed(); ++i) out.push_back(read());
        return out;
    }
    template <typename Read>
    auto list(std::size_t least, Read read) {
        return records(integer<std::uint32_t>(), least, read);
    }

  private:
    std::span<const std::byte> bytes_;
    std::string_view strings_;
    std::size_t& strings_used_;  // of the string section, over all sections
    std::string error_;
};

}  // namespace portcullis::policy
