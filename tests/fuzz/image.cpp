// read_image() on hostile images: it refuses with a reason, or what it has read is a sound policy
// whose image is these very bytes.
//
// An input is either an image's bytes, whose digest and stated size are made right here, or a list
// of edits to the image of a small policy, after which the section table is made right as well: so
// an input says the same whatever version the format has.
#include "rules/policy/image.h"

#include <array>
#include <vector>

#include "rules/policy/image_format.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/hand_made_policy.h"
#include "tests/unit/rules/policy/tiny_policy.h"

namespace portcullis {
namespace {

using namespace policy;
using namespace policy::image_format;

using Bytes = std::vector<std::byte>;

void put(Bytes& image, std::size_t at, std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes && at + i < image.size(); ++i)
        image[at + i] = static_cast<std::byte>(value >> (8 * i));
}

std::uint64_t get(const Bytes& image, std::size_t at, std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i)
        value |= std::to_integer<std::uint64_t>(image.at(at + i)) << (8 * i);
    return value;
}

struct Parts {
    std::array<std::uint32_t, kSectionCount> records{};
    std::array<Bytes, kSectionCount> bytes;
};

Parts parts_of(const Bytes& image) {
    Parts parts;
    for (std::uint32_t id = 0; id < kSectionCount; ++id) {
        const std::size_t entry = kTableOffset + id * kTableEntryBytes;
        parts.records[id] = static_cast<std::uint32_t>(get(image, entry + 4, 4));
        const auto* begin = image.data() + get(image, entry + 8, 8);
        parts.bytes[id].assign(begin, begin + get(image, entry + 16, 8));
    }
    return parts;
}

Bytes image_of(const Parts& parts) {
    Bytes image(kHeaderBytes);
    for (std::size_t i = 0; i < kMagic.size(); ++i) image[i] = static_cast<std::byte>(kMagic[i]);
    put(image, 8, kImageVersion, 4);
    put(image, 12, kSectionCount, 4);
    for (std::uint32_t id = 0; id < kSectionCount; ++id) {
        image.resize(aligned(image.size()));
        const std::size_t entry = kTableOffset + id * kTableEntryBytes;
        put(image, entry, id, 4);
        put(image, entry + 4, parts.records[id], 4);
        put(image, entry + 8, image.size(), 8);
        put(image, entry + 16, parts.bytes[id].size(), 8);
        image.insert(image.end(), parts.bytes[id].begin(), parts.bytes[id].end());
    }
    return image;
}

void seal(Bytes& image) {
    put(image, 16, image.size(), 8);
    if (image.size() < kHeaderBytes) return;
    const auto hash = compute_image_hash(image);
    for (std::size_t i = 0; i < hash.size(); ++i)
        image[kDigestOffset + i] = static_cast<std::byte>(hash[i]);
}

// One edit: what, in which section, where, and with what.
void edit(fuzz::Input& in, Parts& parts) {
    const auto what = in.below(8);
    const auto id = in.below(kSectionCount);
    auto& bytes = parts.bytes[id];
    const auto at = in.below(bytes.size() + 1);
    const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    switch (what) {
        case 0:
            return put(bytes, at, in.u8(), 1);
        case 1:
            return put(bytes, at, in.u16(), 2);
        case 2:
            return put(bytes, at, in.u32(), 4);
        case 3: {
            const auto more = in.take(in.below(64));
            const auto* first = reinterpret_cast<const std::byte*>(more.data());
            bytes.insert(place, first, first + more.size());
            return;
        }
        case 4:
            bytes.erase(place, place + static_cast<std::ptrdiff_t>(
                                           std::min(in.below(64), bytes.size() - at)));
            return;
        case 5: {  // something that is there already, once more
            const auto length = std::min(in.below(256), bytes.size() - at);
            const Bytes copy(place, place + static_cast<std::ptrdiff_t>(length));
            bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(in.below(bytes.size() + 1)),
                         copy.begin(), copy.end());
            return;
        }
        case 6:
            parts.records[id] = in.u32();
            return;
        default:
            parts.records[id] += static_cast<std::uint32_t>(in.u8()) - 128;
            return;
    }
}

const std::array<Parts, 2>& originals() {
    static const std::array<Parts, 2> parts = {
        parts_of(write_image(policy::testing::tiny_policy())),
        parts_of(write_image(test::small_policy()))};
    return parts;
}

Bytes make_image(fuzz::Input& in) {
    const auto kind = in.u8();
    if (kind >= originals().size()) {
        const auto raw = in.rest();
        const auto* first = reinterpret_cast<const std::byte*>(raw.data());
        return {first, first + raw.size()};
    }
    auto parts = originals()[kind];
    for (unsigned edits = 0; !in.empty() && edits < 64; ++edits) edit(in, parts);
    return image_of(parts);
}

}  // namespace
}  // namespace portcullis

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace portcullis;
    fuzz::Input in(data, size);
    auto image = make_image(in);
    seal(image);
    const auto policy = policy::read_image(image);
    if (!policy) {
        fuzz::require(!policy.error().message.empty(), "an image is refused without a reason");
        return 0;
    }
    fuzz::require(!policy::find_defect(*policy), "a policy with a defect was read");
    fuzz::require(policy::write_image(*policy) == image, "an image is not that of what was read");
    return 0;
}
