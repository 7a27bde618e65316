#include "control/sealed_image.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

namespace portcullis::control {
namespace {

tl::unexpected<std::string> failure(const char* what) {
    return tl::make_unexpected(std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

tl::expected<Fd, std::string> seal_image(std::span<const std::byte> image) {
    Fd memory(memfd_create("portcullis-policy", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memory) return failure("no memory file for the image");
    while (!image.empty()) {
        const auto written = ::write(memory.get(), image.data(), image.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return failure("writing the image to a memory file");
        image = image.subspan(static_cast<std::size_t>(written));
    }
    constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    if (fcntl(memory.get(), F_ADD_SEALS, kSeals) != 0) return failure("sealing the image");
    return memory;
}

}  // namespace portcullis::control
