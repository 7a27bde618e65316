// Capture files made by hand: pcap of any link type, byte order and resolution, and pcapng.
//
//     CaptureFile file;
//     file.add(frame);
//     file.write_pcap("x.pcap", 1);
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace portcullis::test {

class CaptureFile {
  public:
    using Bytes = std::vector<std::uint8_t>;

    // `kept`: the capture's snap length.
    void add(const Bytes& packet, std::uint64_t nanoseconds = 0, std::size_t kept = 65535) {
        Packet made{packet, nanoseconds, packet.size()};
        made.bytes.resize(std::min(kept, packet.size()));
        packets_.push_back(std::move(made));
    }

    // `link`: a LINKTYPE_ number.
    Bytes pcap(std::uint32_t link, bool nanoseconds = false, bool big_endian = false) const {
        Writer out{big_endian, {}};
        out.put(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, 4);
        out.put(2, 2);
        out.put(4, 2);
        out.put(0, 8);
        out.put(65535, 4);
        out.put(link, 4);
        for (const auto& packet : packets_) {
            out.put(packet.nanoseconds / 1'000'000'000, 4);
            out.put(packet.nanoseconds % 1'000'000'000 / (nanoseconds ? 1 : 1000), 4);
            out.put(packet.bytes.size(), 4);
            out.put(packet.length, 4);
            out.add(packet.bytes);
        }
        return out.bytes;
    }

    // One section, one interface, an enhanced packet block each.
    Bytes pcapng(std::uint32_t link) const {
        Writer out{false, {}};
        const auto block = [&](std::uint32_t type, const Bytes& body) {
            const std::size_t length = 12 + (body.size() + 3) / 4 * 4;
            out.put(type, 4);
            out.put(length, 4);
            out.add(body);
            out.bytes.resize(out.bytes.size() + length - 12 - body.size());
            out.put(length, 4);
        };
        Writer section{false, {}};
        section.put(0x1a2b3c4d, 4);
        section.put(1, 4);
        section.put(~std::uint64_t{0}, 8);
        block(0x0a0d0d0a, section.bytes);
        Writer interface {
            false, {}
        };
        interface.put(link, 4);
        interface.put(65535, 4);
        block(1, interface.bytes);
        for (const auto& packet : packets_) {
            Writer body{false, {}};
            const std::uint64_t microseconds = packet.nanoseconds / 1000;
            body.put(0, 4);
            body.put(microseconds >> 32, 4);
            body.put(microseconds & 0xffffffff, 4);
            body.put(packet.bytes.size(), 4);
            body.put(packet.length, 4);
            body.add(packet.bytes);
            block(6, body.bytes);
        }
        return out.bytes;
    }

  private:
    struct Packet {
        Bytes bytes;
        std::uint64_t nanoseconds = 0;
        std::size_t length = 0;  // on the wire
    };
    struct Writer {
        bool big_endian = false;
        Bytes bytes;
        void put(std::uint64_t value, unsigned size) {
            for (unsigned i = 0; i < size; ++i)
                bytes.push_back(
                    static_cast<std::uint8_t>(value >> (8 * (big_endian ? size - 1 - i : i))));
        }
        void add(const Bytes& more) { bytes.insert(bytes.end(), more.begin(), more.end()); }
    };
    std::vector<Packet> packets_;
};

inline void write_file(const std::filesystem::path& path, const CaptureFile::Bytes& bytes) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
}

}  // namespace portcullis::test
