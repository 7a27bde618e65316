// Keyed hash of a FlowKey: pairs of its words, each XORed with a secret, are multiplied to 128 bits
// and folded. Products of secrets are not linear over XOR, so which keys collide changes with the
// secret; with CRC it would not, and a list of colliding addresses would serve against every
// installation.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "dataplane/packet.h"

namespace portcullis::dataplane {

class KeyHash {
  public:
    // Any four words will do, zeros included: the secrets are spread from them.
    explicit KeyHash(const std::array<std::uint64_t, 4>& key) {
        std::uint64_t state = 0x6a09e667f3bcc909;  // sqrt(2), a start without meaning
        for (std::uint64_t word : key) state = spread(state + word);
        for (unsigned i = 0; i < secret_.size(); ++i) {
            state = spread(state ^ key[i % key.size()]) + 0x9e3779b97f4a7c15 * (i + 1);
            secret_[i] = spread(state);
        }
    }

    std::uint64_t operator()(const FlowKey& key) const { return (*this)(words_of(key)); }
    // In line, or the key that parse has in registers would go through memory.
    [[gnu::always_inline]] std::uint64_t operator()(const KeyWords& key) const {
        const std::uint64_t source =
            fold(key.source_high ^ secret_[0], key.source_low ^ secret_[1]);
        const std::uint64_t destination =
            fold(key.destination_high ^ secret_[2], key.destination_low ^ secret_[3]);
        const std::uint64_t mixed = fold(source ^ key.last ^ secret_[4], destination ^ secret_[5]);
        return fold(mixed ^ secret_[6], secret_[7]);
    }

    std::uint64_t operator()(const IpAddress& address) const {
        std::array<std::uint64_t, 2> word;
        std::memcpy(word.data(), address.bytes().data(), sizeof(word));
        return fold(fold(word[0] ^ secret_[0], word[1] ^ secret_[1]) ^ secret_[6], secret_[7]);
    }

  private:
    __extension__ using Wide = unsigned __int128;
    static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
        const Wide product = static_cast<Wide>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }
    // A bijection in which every input bit reaches every output bit (multiply and shift-XOR
    // rounds).
    static std::uint64_t spread(std::uint64_t x) {
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        return x ^ (x >> 31);
    }

    std::array<std::uint64_t, 8> secret_{};
};

}  // namespace portcullis::dataplane
