// A capture file, packet by packet: pcap and pcapng, with micro- or nanoseconds, of either byte order.
// The one place where libpcap is used.
//
//     auto capture = Capture::open("flows.pcap");
//     while (auto packet = capture->next()) ...
//     if (!capture->error().empty()) ...
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>

namespace portcullis::control::identify {

// What a packet begins with.
enum class LinkLayer : std::uint8_t { ethernet, linux_sll, linux_sll2, raw_ip, null, loop };

struct CapturedPacket {
    std::uint64_t number = 0;  // from 1, as other tools count
    std::uint64_t nanoseconds = 0;
    std::uint32_t length = 0;             // on the wire
    std::span<const std::uint8_t> bytes;  // as many as were kept; valid until the next packet
};

class Capture {
  public:
    // The error says what is wrong with the file and what to do. "-" is standard input.
    static tl::expected<Capture, std::string> open(const std::string& file);
    Capture(Capture&&) noexcept;
    Capture& operator=(Capture&&) noexcept;
    ~Capture();

    LinkLayer link() const { return link_; }
    // nullopt at the end, and where the file is damaged: then error() says where and how.
    std::optional<CapturedPacket> next();
    const std::string& error() const { return error_; }

  private:
    struct Handle;
    explicit Capture(std::unique_ptr<Handle> handle);

    std::unique_ptr<Handle> handle_;
    std::string name_;
    LinkLayer link_ = LinkLayer::ethernet;
    std::uint64_t packets_ = 0;
    std::string error_;
};

}  // namespace portcullis::control::identify
