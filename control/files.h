// Files that are whole or absent, whatever kills us: temp file, fsync, rename, directory fsync.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace portcullis::control {

// Errors are one sentence with the path and the system's reason.
using FileResult = tl::expected<void, std::string>;

FileResult write_file(const std::filesystem::path& path, std::span<const std::byte> content);
FileResult write_file(const std::filesystem::path& path, std::string_view content);
// At most `limit` bytes; a larger file is an error.
tl::expected<std::vector<std::byte>, std::string> read_file(const std::filesystem::path& path,
                                                            std::size_t limit);
// Renames inside one directory, and makes that last.
FileResult rename_file(const std::filesystem::path& from, const std::filesystem::path& to);
// Exchanges two files' names in one step.
FileResult exchange_files(const std::filesystem::path& a, const std::filesystem::path& b);
// A second name for a file, in place of whatever has that name.
FileResult link_file(const std::filesystem::path& file, const std::filesystem::path& name);
// Absent is fine.
FileResult remove_file(const std::filesystem::path& path);

}  // namespace portcullis::control
