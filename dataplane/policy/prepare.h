// From an image nobody has looked at to a policy that may be published: every check there is.
//
//     bytes ─ read_image (bounds, sense) ─ digest ─ build tables ─ replay witnesses
//           ─ source ports, signatures ─► ActivePolicy
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/active_policy.h"
#include "rules/policy/image.h"

namespace portcullis::dataplane {

using ImageBytes = std::vector<std::byte>;
template <class T>
using OrSentence = tl::expected<T, std::string>;

// What every policy of this data plane is built for.
struct PolicyTarget {
    std::vector<std::string> devices;  // of dataplane.conf, in order
    std::vector<unsigned> mtus;        // likewise
    unsigned workers = 1;
    Sessions::Config sessions;  // as every worker has them
    std::uint64_t rendezvous_key = 0;
};

// The bytes of a memfd that its sender can no longer change: sealed against shrinking, growing,
// writing and unsealing, and of the size that was announced.
OrSentence<ImageBytes> read_sealed(int fd, std::uint64_t announced_bytes);
// The bytes of a regular file; nullopt if there is none of that name.
OrSentence<std::optional<ImageBytes>> read_image_file(const std::string& path);

// `meant`: the hash that whoever sent the image named; nullopt: whichever it has.
OrSentence<std::unique_ptr<ActivePolicy>> prepare(const ImageBytes& bytes,
                                                  const std::optional<policy::ImageHash>& meant,
                                                  std::uint32_t generation,
                                                  const RuntimePolicy* previous,
                                                  const PolicyTarget& target);

// Judges every witness of the policy's image; what the first wrong answer was, or nullopt.
std::optional<std::string> replay_witnesses(const RuntimePolicy& runtime);

}  // namespace portcullis::dataplane
