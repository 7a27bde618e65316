// A large array of trivially destructible elements: zero pages from the kernel, huge ones where it
// has any, all touched before the first packet.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

namespace portcullis::dataplane {

template <class T>
class HugeArray {
    static_assert(std::is_trivially_destructible_v<T>);

  public:
    HugeArray() = default;
    // nullopt: the system has not that much memory.
    static std::optional<HugeArray> create(std::size_t count) {
        HugeArray array;
        if (count == 0) return array;
        if (count > (SIZE_MAX - 2 * kHugePage) / sizeof(T)) return std::nullopt;
        // Whole huge pages, the first byte at the start of one. What is mapped too much for that is
        // given back.
        const std::size_t bytes = (count * sizeof(T) + kHugePage - 1) / kHugePage * kHugePage;
        void* mapped = mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped == MAP_FAILED) return std::nullopt;
        auto* begin = static_cast<std::byte*>(mapped);
        const std::size_t before =
            (kHugePage - reinterpret_cast<std::uintptr_t>(begin) % kHugePage) % kHugePage;
        if (before != 0) munmap(begin, before);
        if (before != kHugePage) munmap(begin + before + bytes, kHugePage - before);
        void* memory = begin + before;
        madvise(memory, bytes, MADV_HUGEPAGE);  // advice: it may be refused
        array.data_ = static_cast<T*>(memory);
        array.count_ = count;
        for (std::size_t i = 0; i < count; ++i) new (array.data_ + i) T();
        return array;
    }
    ~HugeArray() {
        if (data_ != nullptr) munmap(data_, (bytes() + kHugePage - 1) / kHugePage * kHugePage);
    }
    HugeArray(HugeArray&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
    HugeArray& operator=(HugeArray&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(count_, other.count_);
        return *this;
    }

    T& operator[](std::size_t i) { return data_[i]; }
    const T& operator[](std::size_t i) const { return data_[i]; }
    T* data() { return data_; }
    const T* data() const { return data_; }
    std::size_t size() const { return count_; }
    std::size_t bytes() const { return count_ * sizeof(T); }

  private:
    static constexpr std::size_t kHugePage = std::size_t{2} << 20;
    T* data_ = nullptr;
    std::size_t count_ = 0;
};

}  // namespace portcullis::dataplane
