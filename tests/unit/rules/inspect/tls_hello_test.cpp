// parse_client_hello(), beside a slow parser that was written from the same sections.
#include "rules/inspect/tls_hello.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <set>

#include "tests/unit/rules/inspect/messages.h"

namespace portcullis::inspect {
namespace {

using State = TlsHello::State;

struct Truncated {};
struct Malformed {};

// Finds every byte by walking all records before it again.
class Oracle {
  public:
    explicit Oracle(Bytes stream) : stream_(stream) {}

    struct Answer {
        State state = State::more;
        std::optional<std::string> name;
    };
    Answer ask() const {
        Answer answer;
        try {
            answer.name = hello();
            answer.state = State::complete;
        } catch (const Truncated&) {
            answer.state = State::more;
        } catch (const Malformed&) {
            answer.state = State::malformed;
        }
        return answer;
    }

  private:
    std::uint8_t raw(std::size_t at) const {
        if (at >= stream_.size()) throw Truncated();
        return stream_[at];
    }
    static void demand(bool condition) {
        if (!condition) throw Malformed();
    }
    // `ends`: set where it is the last byte of its record.
    std::uint8_t byte(std::size_t index, bool* ends = nullptr) const {
        std::size_t at = 0;
        while (true) {
            demand(raw(at) == 22);
            demand(raw(at + 1) == 3);
            demand(raw(at + 2) <= 4);
            demand(raw(at + 3) <= 64);
            const std::size_t length = raw(at + 3) * 256U + raw(at + 4);
            demand(length >= 1 && length <= 16384);
            at += 5;
            if (index < length) {
                if (ends != nullptr) *ends = index + 1 == length;
                return raw(at + index);
            }
            index -= length;
            at += length;
        }
    }
    struct Part {
        std::size_t at, end;
    };
    std::size_t number(Part& part, unsigned bytes) const {
        demand(part.end - part.at >= bytes);
        std::size_t value = 0;
        while (bytes-- > 0) value = value * 256 + byte(part.at++);
        return value;
    }
    Part vector(Part& part, unsigned bytes, std::size_t least, std::size_t most) const {
        const std::size_t length = number(part, bytes);
        demand(length >= least && length <= most && length <= part.end - part.at);
        const Part inside{part.at, part.at + length};
        part.at += length;
        return inside;
    }
    void read(Part part) const {
        while (part.at < part.end) byte(part.at++);
    }
    std::optional<std::string> hello() const {
        Part whole{0, 4};
        demand(number(whole, 1) == 1);
        const std::size_t length = number(whole, 3);
        demand(length < 65536);
        Part body{4, 4 + length};
        demand(number(body, 1) == 3);
        demand(number(body, 1) <= 3);
        demand(body.end - body.at >= 32);
        read({body.at, body.at + 32});
        body.at += 32;
        read(vector(body, 1, 0, 32));
        Part suites = vector(body, 2, 2, 65534);
        demand((suites.end - suites.at) % 2 == 0);
        int balance = 0;  // of blocks that TLS has, against others; GREASE is neither
        while (suites.at < suites.end) {
            const std::size_t suite = number(suites, 2);
            const std::set<std::size_t> blocks = {0, 0x13, 0xc0, 0xc1, 0xcc, 0xd0};
            if (suite % 0x1010 != 0x0a0a) balance += blocks.contains(suite / 256) ? 1 : -1;
        }
        demand(balance > 0);
        read(vector(body, 1, 1, 255));
        std::optional<std::string> name;
        if (body.at < body.end) {
            Part list = vector(body, 2, 0, 65535);
            demand(body.at == body.end);
            std::set<std::size_t> types;
            while (list.at < list.end) {
                const std::size_t type = number(list, 2);
                demand(types.insert(type).second);
                Part extension = vector(list, 2, 0, 65535);
                if (type == 0)
                    name = server_name(extension);
                else
                    read(extension);
            }
        }
        bool ends = false;
        byte(body.end - 1, &ends);
        demand(ends);
        return name;
    }
    std::string server_name(Part extension) const {
        Part list = vector(extension, 2, 1, 65535);
        demand(extension.at == extension.end);
        demand(number(list, 1) == 0);
        const Part name = vector(list, 2, 1, 255);
        demand(list.at == list.end);
        std::string text;
        for (std::size_t at = name.at; at < name.end; ++at) {
            const char letter = static_cast<char>(byte(at));
            demand(letter > ' ' && letter < 127);
            text += letter;
        }
        return text;
    }

    Bytes stream_;
};

// Both agree; returns what they agree on.
State both(Bytes stream) {
    const TlsHello hello = parse_client_hello(stream);
    const Oracle::Answer answer = Oracle(stream).ask();
    EXPECT_EQ(static_cast<int>(hello.state), static_cast<int>(answer.state));
    EXPECT_EQ(hello.has_name(), answer.name.has_value());
    if (answer.name) {
        EXPECT_EQ(hello.name(), *answer.name);
    }
    if (hello.state == State::complete) {
        EXPECT_LE(hello.bytes, stream.size());
    }
    if (hello.state == State::more) {
        EXPECT_GT(hello.bytes, stream.size());
    }
    return hello.state;
}

// Every prefix wants more, and never more than there is.
void expect_complete(const Message& stream) {
    for (std::size_t size = 0; size < stream.size(); ++size) {
        const TlsHello hello = parse_client_hello(Bytes(stream).first(size));
        ASSERT_EQ(static_cast<int>(hello.state), static_cast<int>(State::more)) << size;
        ASSERT_LE(hello.bytes, stream.size()) << size;
        ASSERT_GT(hello.bytes, size);
    }
    ASSERT_EQ(static_cast<int>(both(stream)), static_cast<int>(State::complete));
    EXPECT_EQ(parse_client_hello(stream).bytes, stream.size());
    const Message more = stream + Message{23, 3, 3, 0, 1, 0};
    EXPECT_EQ(parse_client_hello(more).bytes, stream.size());
}

TEST(TlsHello, Genuine) {
    expect_complete(client_hello());
    Hello old;
    old.extensions = false;
    old.minor = 1;
    old.session_id = 0;
    expect_complete(client_hello(old));
    EXPECT_FALSE(parse_client_hello(client_hello(old)).has_name());
    old.minor = 0;
    expect_complete(client_hello(old));
    Hello nameless;
    nameless.name = "";
    expect_complete(client_hello(nameless));
    Hello longest;
    longest.name = std::string(255, 'a');
    expect_complete(client_hello(longest));
    EXPECT_EQ(parse_client_hello(client_hello(longest)).name(), longest.name);
    EXPECT_EQ(parse_client_hello(client_hello()).name(), "meet.example.com");
    expect_complete(pseudo_hello());
}

TEST(TlsHello, InRecordsOfAnySize) {
    Hello wanted;
    wanted.padding = 1700;
    const Message body = hello_body(wanted);
    for (const std::size_t size : {1U, 2U, 3U, 5U, 100U, 1000U})
        expect_complete(in_records(body, std::vector<std::size_t>(body.size(), size)));
    wanted.padding = 16100;
    wanted.records = 2;
    expect_complete(client_hello(wanted));
}

TEST(TlsHello, RecordsOfTheWrongKind) {
    const Message body = hello_body({});
    const Message good = in_records(body, {10});
    const struct {
        std::size_t at;
        std::uint8_t value;
    } mistakes[] = {
        {0, 21}, {1, 2}, {2, 5}, {3, 65}, {15, 23}, {16, 4}, {17, 9}, {18, 0x41}, {5, 2}, {6, 1},
    };
    for (const auto& [at, value] : mistakes) {
        Message bad = good;
        bad[at] = value;
        EXPECT_EQ(static_cast<int>(both(bad)), static_cast<int>(State::malformed)) << at;
    }
    Message empty = in_records(body, {10});
    empty.insert(empty.begin() + 15, {22, 3, 1, 0, 0});
    EXPECT_EQ(static_cast<int>(both(empty)), static_cast<int>(State::malformed));
    Message behind = in_records(body + Message{0}, {});
    EXPECT_EQ(static_cast<int>(both(behind)), static_cast<int>(State::malformed));
}

Message with_server_name(const Message& extension) {
    Hello wanted;
    wanted.name = "";
    Message body = hello_body(wanted);
    const std::size_t list = 4 + 2 + 32 + 33 + 8 + 2;
    body = body + Message{0, 0} + be16_bytes(extension.size()) + extension;
    const Message sizes = be16_bytes(body.size() - 4) + be16_bytes(body.size() - list - 2);
    body[2] = sizes[0];
    body[3] = sizes[1];
    body[list] = sizes[2];
    body[list + 1] = sizes[3];
    return in_records(body, {});
}

TEST(TlsHello, ServerName) {
    const auto name = [](const Message& letters) {
        return Message{0} + be16_bytes(letters.size()) + letters;
    };
    const auto list = [](const Message& inside) { return be16_bytes(inside.size()) + inside; };
    EXPECT_EQ(static_cast<int>(both(with_server_name(list(name(text("a.example")))))),
              static_cast<int>(State::complete));
    EXPECT_EQ(parse_client_hello(with_server_name(list(name(text("A.example"))))).name(),
              "A.example");
    for (const Message& bad : std::vector<Message>{
             {},                                                       // nothing at all
             {0, 0},                                                   // an empty list
             list(name({})),                                           // an empty name
             list(name(text("a.example")) + name(text("b.example"))),  // two names
             list(Message{1, 0, 1, 'a'}),                              // of another kind
             list(name(text("a.example"))) + Message{0},               // garbage behind the list
             list(name(text("a.example")) + Message{0}),               // garbage inside
             list(name({'a', 0, 'b'})),
             list(name({'a', 0xc3, 0xa4})),
             list(name(text("a b"))),
             list(name(Message(256, 'a'))),
         })
        EXPECT_EQ(static_cast<int>(both(with_server_name(bad))),
                  static_cast<int>(State::malformed));
}

TEST(TlsHello, ThousandsOfExtensionsAndTheLastOneTwice) {
    Message list;
    for (std::size_t type = 1; type <= 3900; ++type) list = list + be16_bytes(type) + Message{0, 0};
    Hello bare;
    bare.extensions = false;
    for (const bool twice : {false, true}) {
        Message all = list;
        if (twice) all = all + Message{15, 0x3c, 0, 0};  // 3900
        Message body = hello_body(bare) + be16_bytes(all.size()) + all;
        const Message size = be16_bytes(body.size() - 4);
        body[2] = size[0];
        body[3] = size[1];
        const Message stream = in_records(body, {});
        EXPECT_EQ(static_cast<int>(parse_client_hello(stream).state),
                  static_cast<int>(twice ? State::malformed : State::complete));
    }
}

// What random bytes do to genuine hellos: on every prefix both parsers agree, and nothing that was
// found malformed becomes well-formed with more bytes.
TEST(TlsHello, MutationsAndPrefixes) {
    std::mt19937 random(4);
    const auto below = [&](std::size_t n) { return random() % n; };
    unsigned counts[3] = {};
    for (int round = 0; round < 3000; ++round) {
        Hello wanted;
        wanted.extensions = below(8) != 0;
        wanted.name = below(4) == 0 ? "" : std::string(1 + below(30), 'n');
        wanted.padding = below(40);
        wanted.session_id = below(33);
        const Message body = hello_body(wanted);
        std::vector<std::size_t> records(below(4));
        for (std::size_t& size : records) size = 1 + below(60);
        Message stream = in_records(body, records);
        for (std::size_t changes = below(4); changes > 0; --changes) {
            const std::size_t at = below(stream.size());
            switch (below(3)) {
                case 0:
                    stream[at] = static_cast<std::uint8_t>(below(2) == 0 ? below(256) : below(4));
                    break;
                case 1:
                    stream.erase(stream.begin() + at);
                    break;
                default:
                    stream.insert(stream.begin() + at, static_cast<std::uint8_t>(below(256)));
            }
        }
        if (below(5) == 0) stream.resize(below(stream.size()));
        bool malformed = false;
        std::uint32_t needed = 0;
        for (std::size_t size = 0; size <= stream.size(); ++size) {
            const Bytes prefix = Bytes(stream).first(size);
            const State state = both(prefix);
            if (malformed) {
                ASSERT_EQ(static_cast<int>(state), static_cast<int>(State::malformed));
            }
            if (size < needed) {
                ASSERT_NE(static_cast<int>(state), static_cast<int>(State::complete));
            }
            malformed = state == State::malformed;
            if (state == State::more) needed = std::max(needed, parse_client_hello(prefix).bytes);
            if (state == State::complete) break;
            if (HasFailure()) FAIL() << "round " << round << " size " << size;
        }
        ++counts[static_cast<unsigned>(both(stream))];
    }
    EXPECT_GT(counts[static_cast<unsigned>(State::complete)], 500U);
    EXPECT_GT(counts[static_cast<unsigned>(State::malformed)], 500U);
    EXPECT_GT(counts[static_cast<unsigned>(State::more)], 100U);
}

}  // namespace
}  // namespace portcullis::inspect
