// An image in a memfd that nobody can change any more: how policies travel to the data plane.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <tl/expected.hpp>

#include "control/fd.h"

namespace portcullis::control {

// Sealed with F_SEAL_SHRINK, GROW, WRITE and SEAL; the error is one sentence.
tl::expected<Fd, std::string> seal_image(std::span<const std::byte> image);

}  // namespace portcullis::control
