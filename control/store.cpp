#include "control/store.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace portcullis::control {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTopologies = "topologies";

// The lock is of the process (flock), so it is gone with it. Its pid is written for people.
tl::expected<Fd, std::string> lock_directory(const fs::path& directory) {
    const auto path = directory / "lock";
    Fd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!lock)
        return tl::make_unexpected("cannot write in " + directory.string() + ": " +
                                   std::strerror(errno) +
                                   "; make it this user's or choose another --state-dir");
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        std::array<char, 32> owner{};
        const auto length = ::pread(lock.get(), owner.data(), owner.size() - 1, 0);
        return tl::make_unexpected(
            directory.string() + " is in use by process " +
            (length > 0 ? std::string(owner.data(), static_cast<std::size_t>(length))
                        : "(unknown)") +
            ": stop it first or choose another --state-dir");
    }
    const auto pid = std::to_string(::getpid());
    if (::ftruncate(lock.get(), 0) != 0 ||
        ::pwrite(lock.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
        return tl::make_unexpected("cannot write " + path.string() + ": " + std::strerror(errno));
    return lock;
}

}  // namespace

std::string_view to_string(Slot slot) {
    static constexpr std::array<std::string_view, kSlotCount> kNames = {"candidate", "current",
                                                                        "previous"};
    return kNames.at(static_cast<unsigned>(slot));
}

tl::expected<Store, std::string> Store::open(const fs::path& directory) {
    std::error_code error;
    fs::create_directories(directory / kTopologies, error);
    if (error)
        return tl::make_unexpected("cannot create " + directory.string() + ": " + error.message() +
                                   "; create it for this user or choose another --state-dir");
    auto lock = lock_directory(directory);
    if (!lock) return tl::make_unexpected(lock.error());
    Store store(directory);
    store.lock_ = std::move(*lock);
    // What a process that was killed had not finished writing.
    for (const auto& name : {"candidate.tmp", "current.tmp", "previous.tmp", "history.json.tmp"})
        fs::remove(directory / name, error);
    for (const auto& entry : fs::directory_iterator(directory / kTopologies, error))
        if (entry.path().extension() == ".tmp") fs::remove(entry.path(), error);
    for (const auto slot : {Slot::candidate, Slot::current, Slot::previous}) store.read_slot(slot);
    return store;
}

fs::path Store::file(Slot slot) const {
    return directory_ / to_string(slot);
}

void Store::read_slot(Slot slot) {
    std::error_code error;
    if (!fs::exists(file(slot), error)) return;
    const auto bytes = image(slot);
    if (!bytes) {
        warnings_.push_back(bytes.error() + "; ignored");
        return;
    }
    auto policy = policy::read_image(*bytes);
    if (!policy) {
        warnings_.push_back(file(slot).string() +
                            " is damaged and ignored: " + policy.error().message);
        return;
    }
    at(slot) = StoredPolicy{policy::image_hash(*bytes),
                            std::make_shared<const policy::Policy>(std::move(*policy))};
}

const StoredPolicy* Store::find(const policy::ImageHash& hash) const {
    for (const auto& slot : slots_)
        if (slot && slot->hash == hash) return &*slot;
    return nullptr;
}

tl::expected<std::vector<std::byte>, std::string> Store::image(Slot slot) const {
    return read_file(file(slot), policy::kMaxImageBytes);
}

FileResult Store::put_candidate(std::span<const std::byte> image, StoredPolicy policy,
                                std::string_view topology) {
    const auto text = directory_ / kTopologies / (policy::to_string(policy.hash) + ".yaml");
    if (auto written = write_file(text, topology); !written) return written;
    if (auto written = write_file(file(Slot::candidate), image); !written) return written;
    at(Slot::candidate) = std::move(policy);
    return {};
}

FileResult Store::promote_candidate() {
    // `current` never disappears: it gets a second name first, and is then replaced in one step.
    if (get(Slot::current) && get(Slot::current)->hash != get(Slot::candidate)->hash) {
        if (auto linked = link_file(file(Slot::current), file(Slot::previous)); !linked)
            return linked;
        at(Slot::previous) = get(Slot::current);
    }
    if (auto renamed = rename_file(file(Slot::candidate), file(Slot::current)); !renamed)
        return renamed;
    at(Slot::current) = std::move(at(Slot::candidate));
    at(Slot::candidate).reset();
    return {};
}

FileResult Store::discard_candidate() {
    at(Slot::candidate).reset();
    return remove_file(file(Slot::candidate));
}

FileResult Store::swap_previous() {
    auto swapped = exchange_files(file(Slot::current), file(Slot::previous));
    // Not every file system can exchange. What was current is then gone, which costs a second
    // rollback back to it; the data plane's own `previous` is not touched.
    if (!swapped) {
        swapped = rename_file(file(Slot::previous), file(Slot::current));
        if (!swapped) return swapped;
        at(Slot::current).reset();
    }
    std::swap(at(Slot::current), at(Slot::previous));
    return {};
}

void Store::prune_topologies(const std::vector<policy::ImageHash>& keep) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory_ / kTopologies, error)) {
        const auto name = entry.path().stem().string();
        const auto wanted = [&](const policy::ImageHash& hash) {
            return policy::to_string(hash) == name;
        };
        const bool held = std::any_of(slots_.begin(), slots_.end(),
                                      [&](const auto& slot) { return slot && wanted(slot->hash); });
        if (!held && std::none_of(keep.begin(), keep.end(), wanted))
            fs::remove(entry.path(), error);
    }
}

}  // namespace portcullis::control
