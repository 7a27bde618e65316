// Typed access to the values of a topology file: each function reports what does not fit and
// returns nothing then, so that the reader of a section goes on with the next value.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rules/topology/keys.h"
#include "rules/topology/reporter.h"
#include "rules/topology/yaml.h"

namespace portcullis::topology {

// A value and what to call it: "edge.vips.av", "site-rules[2].allow.tcp" (counted from 1).
struct Field {
    const TreeNode* node = nullptr;
    std::string path;
    Location where;  // of its key; of the value itself in a list

    Field item(std::size_t index) const;
    Field entry(std::size_t index) const;
};

// A list's values; anything else is a list of one. No more than `most`, the rest is reported.
inline constexpr std::size_t kMostItems = 4096;
std::vector<Field> items_of(const Field& field, Reporter& errors, std::size_t most = kMostItems);

// The entries of a map whose keys are names that the engineer chose (letters, digits, ".", "_",
// "-", at most 63). `what` says what they name, as in "an interface".
std::vector<Field> named_entries(const Field& field, std::string_view what, Reporter& errors,
                                 std::size_t most = kMostItems);

// The entries of a map with known keys. Unknown keys and keys without a value are reported at once.
class MapReader {
  public:
    MapReader(const Field& field, Words known, Reporter& errors);
    bool valid() const { return valid_; }
    std::optional<Field> get(std::string_view key) const;
    // Reports a missing key; `hint` says what to write.
    std::optional<Field> require(std::string_view key, std::string_view hint) const;

  private:
    Field field_;
    Reporter& errors_;
    bool valid_ = false;
};

std::optional<std::string_view> read_text(const Field& field, std::string_view what,
                                          Reporter& errors);
std::optional<std::string> read_name(const Field& field, Reporter& errors);
// One of `words`, as its index.
std::optional<std::size_t> read_word(const Field& field, Words words, Reporter& errors);
// true, yes, on / false, no, off
std::optional<bool> read_switch(const Field& field, Reporter& errors);
std::optional<std::uint32_t> read_number(const Field& field, std::uint32_t least,
                                         std::uint32_t most, Reporter& errors);
// Seconds with up to three decimals, as milliseconds.
std::optional<std::uint32_t> read_milliseconds(const Field& field, std::uint32_t least,
                                               std::uint32_t most, Reporter& errors);
// A host's unicast address: not multicast, loopback, unspecified or link-local.
std::optional<IpAddress> read_address(const Field& field, Reporter& errors);
std::optional<Prefix> read_prefix(const Field& field, Reporter& errors);
std::optional<InterfaceAddress> read_interface_address(const Field& field, Reporter& errors);
// A port, "first-last", or "any".
std::optional<PortRange> read_ports(const Field& field, Reporter& errors);

// One address, or one of each family. `valid` only where all of it could be read.
struct DualField {
    DualAddress address;
    Field v4;  // node is null where that family is not given
    Field v6;
    bool valid = false;
};
DualField read_dual(const Field& field, Reporter& errors);

}  // namespace portcullis::topology
