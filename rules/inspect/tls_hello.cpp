#include "rules/inspect/tls_hello.h"

#include <algorithm>
#include <bitset>

namespace portcullis::inspect {

namespace {

constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kClientHello = 1;
constexpr std::uint16_t kServerName = 0;
constexpr std::uint8_t kHostName = 0;
constexpr std::size_t kRecordHeader = 5;
constexpr std::uint32_t kLongestRecord = 16384;  // RFC 8446 5.1
constexpr std::uint32_t kLongestSessionId = 32;
constexpr std::uint32_t kMessageHeader = 4;
constexpr std::uint32_t kLongestHello = 0xffff;  // longer than any that is kept

// Reads the contents of handshake records one after another. After the first failure every read
// fails; state() says why.
class Reader {
  public:
    using State = TlsHello::State;
    explicit Reader(Bytes stream) : stream_(stream) {}

    bool failed() const { return failed_; }
    State state() const { return state_; }
    std::uint32_t position() const { return static_cast<std::uint32_t>(position_); }
    std::uint32_t left_in_record() const { return record_; }
    std::uint32_t taken() const { return taken_; }  // without record headers

    bool malformed() { return fail(State::malformed); }
    bool number(unsigned bytes, std::uint32_t& value) {
        value = 0;
        for (unsigned i = 0; i < bytes; ++i) {
            if (!open_record()) return false;
            value = value << 8 | stream_[position_];
            advance(1);
        }
        return true;
    }
    bool skip(std::uint32_t bytes) {
        while (bytes > 0) {
            if (!open_record()) return false;
            bytes -= advance(bytes);
        }
        return true;
    }
    // After a failure for want of bytes: how long the stream must be, at least, before `bytes` more
    // can be taken.
    std::uint32_t needed(std::uint32_t bytes) const {
        std::uint32_t headers = missing_header_;
        if (headers == 0 && bytes > record_) headers = kRecordHeader;
        return position() + headers + bytes;
    }

  private:
    bool fail(State state) {
        if (!failed_) state_ = state;
        failed_ = true;
        return false;
    }
    // At most `bytes`, of this record and of what has arrived.
    std::uint32_t advance(std::uint32_t bytes) {
        const auto arrived = static_cast<std::uint32_t>(stream_.size() - position_);
        const std::uint32_t step = std::min({bytes, record_, arrived});
        position_ += step;
        record_ -= step;
        taken_ += step;
        return step;
    }
    // True: there is a byte to read.
    bool open_record() {
        if (failed_) return false;
        if (record_ == 0 && !read_header()) return false;
        return position_ < stream_.size() || fail(State::more);
    }
    bool read_header() {
        const Bytes header = stream_.subspan(position_);
        if (!header.empty() && header[0] != kHandshake) return malformed();
        if (header.size() > 1 && header[1] != 3) return malformed();
        if (header.size() > 2 && header[2] > 4) return malformed();
        if (header.size() > 3 && header[3] > kLongestRecord >> 8) return malformed();
        if (header.size() < kRecordHeader) {
            position_ = stream_.size();
            missing_header_ = static_cast<std::uint32_t>(kRecordHeader - header.size());
            return fail(State::more);
        }
        record_ = be16(header, 3);
        // Empty fragments of handshake messages are forbidden.
        if (record_ == 0 || record_ > kLongestRecord) return malformed();
        position_ += kRecordHeader;
        return true;
    }

    Bytes stream_;
    std::size_t position_ = 0;
    std::uint32_t record_ = 0;  // bytes left in the record
    std::uint32_t taken_ = 0;
    std::uint32_t missing_header_ = 0;
    bool failed_ = false;
    State state_ = State::more;
};

// The inside of something with a length: what is read from it is taken off what is left.
class Field {
  public:
    Field(Reader& reader, std::uint32_t length) : reader_(reader), left_(length) {}

    std::uint32_t left() const { return left_; }
    bool number(unsigned bytes, std::uint32_t& value) {
        return take(bytes) && reader_.number(bytes, value);
    }
    bool skip(std::uint32_t bytes) { return take(bytes) && reader_.skip(bytes); }
    // A length, and that many bytes behind it inside of this field.
    bool length(unsigned bytes, std::uint32_t least, std::uint32_t most, std::uint32_t& value) {
        if (!number(bytes, value)) return false;
        return (value >= least && value <= most && value <= left_) || reader_.malformed();
    }
    bool end() { return left_ == 0 || reader_.malformed(); }
    Field inner(std::uint32_t length) {
        left_ -= length;
        return {reader_, length};
    }
    bool malformed() { return reader_.malformed(); }

  private:
    bool take(std::uint32_t bytes) {
        if (bytes > left_) return reader_.malformed();
        left_ -= bytes;
        return true;
    }
    Reader& reader_;
    std::uint32_t left_;
};

// RFC 6066 3. There is one kind of name, and at most one of a kind.
bool read_server_name(Field extension, TlsHello& hello) {
    std::uint32_t list = 0;
    std::uint32_t kind = 0;
    std::uint32_t length = 0;
    if (!extension.length(2, 1, 0xffff, list)) return false;
    if (list != extension.left()) return extension.malformed();
    if (!extension.number(1, kind)) return false;
    if (kind != kHostName) return extension.malformed();
    if (!extension.length(2, 1, static_cast<std::uint32_t>(hello.name_bytes.size()), length))
        return false;
    if (length != extension.left()) return extension.malformed();
    for (std::uint32_t i = 0; i < length; ++i) {
        std::uint32_t letter = 0;
        if (!extension.number(1, letter)) return false;
        if (letter <= 0x20 || letter >= 0x7f) return extension.malformed();
        hello.name_bytes[i] = static_cast<char>(letter);
    }
    hello.name_length = static_cast<std::uint8_t>(length);
    return extension.end();
}

bool read_extensions(Field list, TlsHello& hello) {
    // A hello of 16 KiB has room for 4096 of them: a bit for each type, so that looking for one that
    // comes twice takes no longer than reading them.
    std::bitset<65536> seen;
    while (list.left() > 0) {
        std::uint32_t type = 0;
        std::uint32_t length = 0;
        if (!list.number(2, type)) return false;
        if (seen.test(type)) return list.malformed();
        seen.set(type);
        if (!list.length(2, 0, 0xffff, length)) return false;
        Field extension = list.inner(length);
        if (type == kServerName ? !read_server_name(extension, hello) : !extension.skip(length))
            return false;
    }
    return true;
}

// In a block of IANA's registry that has suites of TLS; the blocks are those that real clients use.
bool is_assigned(std::uint32_t suite) {
    switch (suite >> 8) {
        case 0x00:  // SSL 3.0 to TLS 1.2, and the signalling value of RFC 5746
        case 0x13:  // TLS 1.3
        case 0xc0:  // elliptic curves, and whatever came later
        case 0xc1:  // GOST
        case 0xcc:  // ChaCha20
        case 0xd0:
            return true;
        default:
            return false;
    }
}

// RFC 8701: two equal bytes that end in a.
bool is_grease(std::uint32_t suite) {
    return (suite & 0x0f0f) == 0x0a0a && suite >> 8 == (suite & 0xff);
}

// Tunnels that play TLS offer suites that they have drawn. Who means it may have some of its own
// besides, and GREASE.
bool read_suites(Field suites) {
    std::uint32_t assigned = 0;
    std::uint32_t others = 0;
    while (suites.left() > 0) {
        std::uint32_t suite = 0;
        if (!suites.number(2, suite)) return false;
        if (!is_grease(suite)) ++(is_assigned(suite) ? assigned : others);
    }
    return assigned > others || suites.malformed();
}

bool read_hello(Field hello, TlsHello& found) {
    std::uint32_t value = 0;
    if (!hello.number(1, value)) return false;
    if (value != 3) return hello.malformed();
    if (!hello.number(1, value)) return false;
    if (value > 3) return hello.malformed();  // TLS 1.3 says 3 here too
    if (!hello.skip(32)) return false;        // random
    if (!hello.length(1, 0, kLongestSessionId, value) || !hello.skip(value)) return false;
    if (!hello.length(2, 2, 0xfffe, value)) return false;
    if (value % 2 != 0) return hello.malformed();
    if (!read_suites(hello.inner(value))) return false;
    if (!hello.length(1, 1, 0xff, value) || !hello.skip(value)) return false;  // compression
    if (hello.left() == 0) return true;  // before RFC 3546 there were no extensions
    if (!hello.length(2, 0, 0xffff, value)) return false;
    if (value != hello.left()) return hello.malformed();
    return read_extensions(hello.inner(value), found);
}

}  // namespace

TlsHello parse_client_hello(Bytes stream) {
    TlsHello hello;
    Reader reader(stream);
    std::uint32_t type = 0;
    std::uint32_t length = 0;
    const auto read = [&] {
        if (!reader.number(1, type)) return false;
        if (type != kClientHello) return reader.malformed();
        if (!reader.number(3, length)) return false;
        if (length > kLongestHello) return reader.malformed();
        return read_hello(Field(reader, length), hello);
    };
    // The client has nothing more to say before the server's hello.
    if (read() && reader.left_in_record() != 0) reader.malformed();
    if (!reader.failed()) {
        hello.state = TlsHello::State::complete;
        hello.bytes = reader.position();
        return hello;
    }
    hello.state = reader.state();
    hello.name_length = 0;
    if (hello.state == TlsHello::State::more) {
        const bool header = reader.taken() >= kMessageHeader;
        hello.bytes = reader.needed(header ? kMessageHeader + length - reader.taken() : 1);
    }
    return hello;
}

}  // namespace portcullis::inspect
