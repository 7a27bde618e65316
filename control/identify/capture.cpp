#include "control/identify/capture.h"

#include <pcap/pcap.h>

#include <array>
#include <cstdio>
#include <utility>

namespace portcullis::control::identify {

namespace {

struct KnownLink {
    int type;  // as libpcap calls it, whatever number the file has for it
    LinkLayer link;
};
constexpr std::array kKnown = {
    KnownLink{DLT_EN10MB, LinkLayer::ethernet},
    KnownLink{DLT_LINUX_SLL, LinkLayer::linux_sll},
    KnownLink{DLT_LINUX_SLL2, LinkLayer::linux_sll2},
    KnownLink{DLT_RAW, LinkLayer::raw_ip},
    KnownLink{DLT_IPV4, LinkLayer::raw_ip},
    KnownLink{DLT_IPV6, LinkLayer::raw_ip},
    KnownLink{DLT_NULL, LinkLayer::null},
    KnownLink{DLT_LOOP, LinkLayer::loop},
};

std::string type_name(int type) {
    const char* name = pcap_datalink_val_to_name(type);
    return name == nullptr ? "number " + std::to_string(type) : name;
}

}  // namespace

struct Capture::Handle {
    explicit Handle(pcap_t* opened) : pcap(opened) {}
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() { pcap_close(pcap); }
    pcap_t* pcap;
};

Capture::Capture(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
Capture::Capture(Capture&&) noexcept = default;
Capture& Capture::operator=(Capture&&) noexcept = default;
Capture::~Capture() = default;

tl::expected<Capture, std::string> Capture::open(const std::string& file) {
    std::array<char, PCAP_ERRBUF_SIZE> reason{};
    pcap_t* pcap = pcap_open_offline_with_tstamp_precision(file.c_str(), PCAP_TSTAMP_PRECISION_NANO,
                                                           reason.data());
    if (pcap == nullptr) {
        // libpcap names the file itself where the system would not open it.
        const std::string why = reason.data();
        return tl::make_unexpected(
            (why.rfind(file, 0) == 0 ? why : file + ": " + why) +
            " (a capture is a pcap or pcapng file, not compressed: tcpdump -w, tshark -w)");
    }
    Capture capture(std::make_unique<Handle>(pcap));
    capture.name_ = file;
    const int type = pcap_datalink(pcap);
    for (const auto& known : kKnown) {
        if (known.type != type) continue;
        capture.link_ = known.link;
        return capture;
    }
    return tl::make_unexpected(
        file + ": its packets begin with link-layer headers of type " + type_name(type) +
        "; known are Ethernet, Linux cooked (SLL, SLL2), raw IP and loopback");
}

std::optional<CapturedPacket> Capture::next() {
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    if (!error_.empty()) return std::nullopt;
    const int got = pcap_next_ex(handle_->pcap, &header, &bytes);
    if (got == 1) {
        CapturedPacket packet;
        packet.number = ++packets_;
        // Nanoseconds stand where the type says microseconds: that is how libpcap gives them.
        packet.nanoseconds = static_cast<std::uint64_t>(header->ts.tv_sec) * 1'000'000'000 +
                             static_cast<std::uint64_t>(header->ts.tv_usec);
        packet.length = header->len;
        packet.bytes = {bytes, header->caplen};
        return packet;
    }
    if (got == PCAP_ERROR_BREAK) return std::nullopt;  // the end of the file
    error_ = name_ + ": packet " + std::to_string(packets_ + 1);
    if (std::FILE* stream = pcap_file(handle_->pcap); stream != nullptr)
        if (const long at = std::ftell(stream); at >= 0) error_ += ", byte " + std::to_string(at);
    error_ += ": " + std::string(pcap_geterr(handle_->pcap)) +
              "; what stands before was read (was it cut while being written?)";
    return std::nullopt;
}

}  // namespace portcullis::control::identify
