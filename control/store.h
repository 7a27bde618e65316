// The state directory: which policies there are on disk, and in which of three roles.
//
//     candidate   handed over, or about to be, and not yet final
//     current     the last good policy: what the data plane reads when it starts
//     previous    what was current before
//     topologies/HASH.yaml   the text each of them came from
//     history.json           history.h
//     lock                   held while a daemon uses the directory
//
// The first three are images (rules/policy/image.h). At every moment `current`, once there, is one
// whole image: each step below is one rename.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "control/fd.h"
#include "control/files.h"
#include "rules/policy/image.h"
#include "rules/policy/policy.h"

namespace portcullis::control {

enum class Slot : std::uint8_t { candidate, current, previous };
inline constexpr unsigned kSlotCount = 3;
std::string_view to_string(Slot slot);  // also the file's name

struct StoredPolicy {
    policy::ImageHash hash{};
    std::shared_ptr<const policy::Policy> policy;
};

class Store {
  public:
    // Locks the directory and reads what is in it. An image that is damaged counts as absent; each
    // is reported in warnings(). The error is one line that says what to do.
    static tl::expected<Store, std::string> open(const std::filesystem::path& directory);

    const std::optional<StoredPolicy>& get(Slot slot) const {
        return slots_[static_cast<unsigned>(slot)];
    }
    // By hash; null where no slot holds it.
    const StoredPolicy* find(const policy::ImageHash& hash) const;
    tl::expected<std::vector<std::byte>, std::string> image(Slot slot) const;
    const std::vector<std::string>& warnings() const { return warnings_; }
    std::filesystem::path history_file() const { return directory_ / "history.json"; }

    // The topology's text is written first: no image without its text.
    FileResult put_candidate(std::span<const std::byte> image, StoredPolicy policy,
                             std::string_view topology);
    // candidate -> current -> previous. May be repeated where it was cut short.
    FileResult promote_candidate();
    FileResult discard_candidate();
    // After a rollback: current <-> previous.
    FileResult swap_previous();
    // Removes the texts of policies that are neither in a slot nor in `keep`.
    void prune_topologies(const std::vector<policy::ImageHash>& keep);

  private:
    explicit Store(std::filesystem::path directory) : directory_(std::move(directory)) {}
    std::filesystem::path file(Slot slot) const;
    void read_slot(Slot slot);
    std::optional<StoredPolicy>& at(Slot slot) { return slots_[static_cast<unsigned>(slot)]; }

    std::filesystem::path directory_;
    Fd lock_;
    std::array<std::optional<StoredPolicy>, kSlotCount> slots_;
    std::vector<std::string> warnings_;
};

}  // namespace portcullis::control
