#include "rules/policy/image.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <set>

#include "rules/policy/image_format.h"
#include "tests/unit/rules/policy/tiny_policy.h"

namespace portcullis::policy {
namespace {

using testing::tiny_policy;

using Bytes = std::vector<std::byte>;

// Makes the header believe in what the bytes have become, so that the structural checks are
// reached.
void reseal(Bytes& image) {
    const std::uint64_t size = image.size();
    for (std::size_t i = 0; i < 8 && 16 + i < image.size(); ++i)
        image[16 + i] = static_cast<std::byte>(size >> (8 * i) & 0xff);
    if (image.size() < image_format::kHeaderBytes) return;
    const auto hash = compute_image_hash(image);
    for (std::size_t i = 0; i < hash.size(); ++i)
        image[image_format::kDigestOffset + i] = static_cast<std::byte>(hash[i]);
}

// Whatever is accepted is the image of what was read: no byte goes unread.
void expect_refused_or_faithful(const Bytes& image, std::size_t& accepted) {
    const auto policy = read_image(image);
    if (!policy) {
        EXPECT_FALSE(policy.error().message.empty());
        return;
    }
    ++accepted;
    EXPECT_EQ(find_defect(*policy), std::nullopt);
    EXPECT_EQ(write_image(*policy), image);
}

class RandomPolicy {
  public:
    explicit RandomPolicy(unsigned seed) : random_(seed) {}
    Policy make();

  private:
    unsigned below(unsigned end) { return static_cast<unsigned>(random_() % end); }
    bool coin() { return below(2) == 0; }
    std::string text() {
        static const std::vector<std::string> kWords = {"",  "a",  "edge", "Zürich",
                                                        "–", "\n", "東京"};
        std::string made;
        for (auto i = below(4); i > 0; --i) made += kWords[below(7)];
        return made;
    }
    IpAddress address(Family family) {
        if (family == Family::ipv4)
            return IpAddress::from_v4(static_cast<std::uint32_t>(random_()));
        std::array<std::uint8_t, 16> bytes{0x20, 0x01};
        for (unsigned i = 2; i < 16; ++i) bytes[i] = static_cast<std::uint8_t>(random_());
        return IpAddress::from_bytes(bytes);
    }
    Family family() { return coin() ? Family::ipv4 : Family::ipv6; }
    Prefix prefix(Family of) {
        return Prefix::make(address(of), below(of == Family::ipv4 ? 33 : 129));
    }
    Zone zone() { return static_cast<Zone>(below(kZoneCount)); }
    Transport transport() { return coin() ? Transport::tcp : Transport::udp; }
    std::uint16_t port() { return static_cast<std::uint16_t>(1 + below(65535)); }
    PortRange ports() {
        const auto a = port();
        const auto b = port();
        return {std::min(a, b), std::max(a, b)};
    }
    std::vector<Prefix> prefixes(Family of) {
        std::set<Prefix> made;
        for (auto i = below(5); i > 0; --i) made.insert(prefix(of));
        return {made.begin(), made.end()};
    }
    Service service();
    void add_conformance(Policy& policy);
    Rule rule(const Policy& policy, unsigned number);

    std::mt19937 random_;
};

Service RandomPolicy::service() {
    Service made;
    const auto of = family();
    made.name = text();
    made.vip = address(of);
    made.transport = transport();
    made.nat = static_cast<NatKind>(1 + below(3));
    made.probe = static_cast<ProbeKind>(below(3));
    for (auto i = below(3); i > 0; --i) made.probe_ports.push_back(port());
    if (made.nat == NatKind::snat) return made;
    made.port = port();
    for (auto i = 1 + below(12); i > 0; --i)
        made.nodes.push_back({text(), address(of), 1 + below(1000)});
    return made;
}

void RandomPolicy::add_conformance(Policy& policy) {
    for (auto i = below(5); i > 0; --i) {
        SignatureDatabase database;
        database.protocol = static_cast<ProtocolClass>(1 + below(kProtocolClassCount - 1));
        database.name = to_string(database.protocol);
        if (database.protocol == ProtocolClass::custom) database.name += text();
        const auto same = [&](const auto& other) { return other.name == database.name; };
        if (std::ranges::any_of(policy.databases, same)) continue;
        database.width = 1 + below(kMaxWidth);
        database.twins = coin();
        for (auto k = 1 + below(300); k > 0; --k)
            database.serialised.push_back(static_cast<std::uint8_t>(random_()));
        policy.databases.push_back(std::move(database));
    }
    for (auto i = below(8); i > 0; --i) {
        Conformance service;
        service.name = "service-" + std::to_string(i) + text();
        service.mode = ConformanceMode::off;
        service.protocol = static_cast<ProtocolClass>(below(kProtocolClassCount));
        if (!policy.databases.empty() && coin()) {
            service.database = below(static_cast<unsigned>(policy.databases.size()));
            service.protocol = policy.databases[service.database].protocol;
            const bool enforced = may_be_enforced(service.protocol) && coin();
            service.mode = enforced ? ConformanceMode::enforce : ConformanceMode::watch;
        }
        service.stream = is_stream(service.protocol);
        if (carries_server_name(service.protocol)) {
            if (coin()) service.missing_name = MissingName::refuse;
            std::set<std::string> names;
            for (auto k = below(4); k > 0; --k)
                names.insert((coin() ? "*.h" : "h") + std::to_string(below(99)) + ".example.com");
            service.names = {names.begin(), names.end()};
        }
        policy.conformance.push_back(std::move(service));
    }
}

Rule RandomPolicy::rule(const Policy& policy, unsigned number) {
    Rule made;
    made.id = "rule-" + std::to_string(number) + text();
    made.origin = coin() ? Origin::site : Origin::matrix;
    if (made.origin == Origin::site && coin()) {
        made.action = Action::deny;
        made.covers_own = coin();
    }
    made.family = family();
    made.transport = transport();
    made.from = zone();
    made.to = zone();
    made.sources = prefixes(made.family);
    made.destinations = prefixes(made.family);
    made.source_ports = ports();
    made.destination_ports = ports();
    made.av_path = coin();
    made.idle_seconds = below(100000);
    for (auto i = below(4); i > 0; --i) made.rows.push_back(text());
    made.reason = text();
    if (made.action == Action::allow && !policy.conformance.empty() && coin()) {
        made.conformance = below(static_cast<unsigned>(policy.conformance.size()));
        made.transport =
            policy.conformance[made.conformance].stream ? Transport::tcp : Transport::udp;
        return made;
    }
    if (made.action == Action::deny || policy.services.empty() || coin()) return made;
    made.service = below(static_cast<unsigned>(policy.services.size()));
    const auto& service = policy.services[made.service];
    made.nat = service.nat;
    made.transport = service.transport;
    made.family = service.vip.family();
    made.sources = prefixes(made.family);
    made.destinations = prefixes(made.family);
    if (made.nat == NatKind::snat) return made;
    made.destinations = {Prefix::host(service.vip)};
    made.destination_ports = {service.port, service.port};
    return made;
}

Policy RandomPolicy::make() {
    Policy policy;
    policy.topology_name = text();
    policy.release = text();
    policy.settings.strict_bogons = coin();
    policy.settings.embryonic_total = below(1000000);
    policy.settings.probe_rise = 1 + below(5);
    for (unsigned i = 0; i < 1 + below(4); ++i) {
        Interface interface;
        interface.name = "i" + text();
        interface.device = "d" + std::to_string(i);
        interface.vlan = static_cast<std::uint16_t>(below(4095));
        interface.mtu = static_cast<std::uint16_t>(1280 + below(8000));
        interface.zones = ZoneSet::from_bits(static_cast<std::uint8_t>(below(64)));
        std::set<IpAddress> answered;
        for (auto k = below(5); k > 0; --k) {
            const auto of = family();
            const auto made = address(of);
            interface.addresses.push_back(
                {made, static_cast<std::uint8_t>(below(of == Family::ipv4 ? 33 : 129))});
            answered.insert(made);
        }
        interface.answered = {answered.begin(), answered.end()};
        policy.interfaces.push_back(interface);
    }
    const auto interfaces = static_cast<unsigned>(policy.interfaces.size());
    std::set<Prefix> classified;
    for (auto i = below(10); i > 0; --i) {
        const auto of = family();
        policy.routes.push_back({prefix(of), address(of), below(interfaces)});
        classified.insert(prefix(of));
    }
    for (const auto& entry : classified)
        policy.addresses.push_back({entry, static_cast<AddressKind>(below(3)), zone()});
    const auto longer = [](const auto& a, const auto& b) {
        return a.prefix.length() > b.prefix.length();
    };
    std::stable_sort(policy.routes.begin(), policy.routes.end(), longer);
    std::stable_sort(policy.addresses.begin(), policy.addresses.end(), longer);
    for (auto i = below(6); i > 0; --i) policy.services.push_back(service());
    add_conformance(policy);
    const auto rules = below(20);
    for (unsigned i = 0; i < rules; ++i) policy.rules.push_back(rule(policy, i));
    for (auto i = below(4); i > 0; --i) policy.builtins.push_back({text(), text()});
    for (auto i = below(20); i > 0; --i) {
        const auto of = family();
        Witness witness{below(interfaces),
                        transport(),
                        address(of),
                        address(of),
                        port(),
                        port(),
                        false,
                        kNoRule};
        if (rules > 0 && coin()) {
            witness.rule = below(rules);
            witness.allow = policy.rules[witness.rule].action == Action::allow;
        }
        policy.witnesses.push_back(witness);
    }
    return policy;
}

TEST(Image, TinyPolicySurvives) {
    const auto image = write_image(tiny_policy());
    const auto read = read_image(image);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, tiny_policy());
    EXPECT_EQ(image_hash(image), compute_image_hash(image));
    EXPECT_EQ(to_string(image_hash(image)).size(), 32U);
    EXPECT_EQ(to_string(ImageHash{0x01, 0xab}), "01ab0000000000000000000000000000");
}

TEST(Image, EmptyPolicySurvives) {
    const auto read = read_image(write_image(Policy{}));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, Policy{});
}

TEST(Image, RandomPoliciesSurviveAndAreDeterministic) {
    for (unsigned seed = 0; seed < 2000; ++seed) {
        const auto policy = RandomPolicy(seed).make();
        ASSERT_EQ(find_defect(policy), std::nullopt) << seed;
        const auto image = write_image(policy);
        const auto read = read_image(image);
        ASSERT_TRUE(read) << seed << " " << read.error().message;
        ASSERT_EQ(*read, policy) << seed;
        ASSERT_EQ(write_image(RandomPolicy(seed).make()), image) << seed;
    }
}

TEST(Image, AnotherPolicyHasAnotherHash) {
    auto policy = tiny_policy();
    const auto before = image_hash(write_image(policy));
    policy.rules[testing::kAccess].idle_seconds += 1;
    EXPECT_NE(image_hash(write_image(policy)), before);
}

TEST(Image, EveryFlippedBitIsNoticedByTheDigest) {
    auto image = write_image(tiny_policy());
    for (std::size_t i = 0; i < image.size(); ++i) {
        image[i] ^= std::byte{0x10};
        EXPECT_FALSE(read_image(image)) << i;
        image[i] ^= std::byte{0x10};
    }
    EXPECT_TRUE(read_image(image));
}

TEST(Image, EveryCorruptedByteIsRefusedOrFaithfullyRead) {
    const auto image = write_image(tiny_policy());
    std::size_t accepted = 0;
    for (std::size_t i = 0; i < image.size(); ++i)
        for (const unsigned flip : {0x01U, 0x02U, 0x40U, 0x80U, 0xffU}) {
            auto damaged = image;
            damaged[i] ^= static_cast<std::byte>(flip);
            reseal(damaged);
            expect_refused_or_faithful(damaged, accepted);
        }
    // Many fields take any value (ports, addresses, letters), so many are another sound policy.
    EXPECT_GT(accepted, image.size() / 4);
    EXPECT_LT(accepted, image.size() * 4);
}

TEST(Image, EveryCorruptedWordIsRefusedOrFaithfullyRead) {
    const auto image = write_image(tiny_policy());
    std::size_t accepted = 0;
    for (std::size_t i = 0; i + 4 <= image.size(); ++i)
        for (const std::uint32_t value : {0U, 0xffffffffU, 0x7fffffffU, 0x80000000U, 0x00010000U}) {
            auto damaged = image;
            std::memcpy(damaged.data() + i, &value, sizeof(value));
            reseal(damaged);
            expect_refused_or_faithful(damaged, accepted);
        }
    EXPECT_GT(accepted, 0U);
}

TEST(Image, EveryTruncationIsRefused) {
    const auto image = write_image(tiny_policy());
    for (std::size_t size = 0; size < image.size(); ++size) {
        Bytes cut(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_FALSE(read_image(cut)) << size;
        reseal(cut);
        EXPECT_FALSE(read_image(cut)) << size;
    }
    auto longer = image;
    longer.push_back(std::byte{0});
    reseal(longer);
    EXPECT_FALSE(read_image(longer));
}

TEST(Image, HostileCountsAreNotBelieved) {
    // The record counts of the section table: with 2^32-1 of them the reader must not allocate.
    const auto image = write_image(tiny_policy());
    for (std::size_t id = 0; id < image_format::kSectionCount; ++id) {
        auto damaged = image;
        const auto at = image_format::kTableOffset + id * image_format::kTableEntryBytes + 4;
        for (std::size_t i = 0; i < 4; ++i) damaged[at + i] = std::byte{0xff};
        reseal(damaged);
        EXPECT_FALSE(read_image(damaged)) << image_format::kSectionNames[id];
    }
}

TEST(Image, HostileDatabaseSizesAreNotBelieved) {
    auto policy = tiny_policy();
    const auto plain = write_image(policy);
    // The size of the last database's block stands right before its two bytes.
    const auto table =
        image_format::kTableOffset +
        static_cast<std::size_t>(image_format::Section::databases) * image_format::kTableEntryBytes;
    std::uint64_t place[2];  // offset, size
    std::memcpy(place, plain.data() + table + 8, sizeof(place));
    const auto at = static_cast<std::size_t>(place[0] + place[1]) - 2 - 4;
    ASSERT_EQ(plain[at], std::byte{2});
    for (const std::uint32_t size : {3U, 0x100000U, 0x100001U, 0xffffffffU}) {
        auto damaged = plain;
        std::memcpy(damaged.data() + at, &size, sizeof(size));
        reseal(damaged);
        const auto read = read_image(damaged);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().message, "image: section databases: a block of " +
                                            std::to_string(size) + " bytes does not fit");
    }
    policy.databases[0].serialised.resize(kMaxDatabaseBytes);
    EXPECT_TRUE(read_image(write_image(policy)));
    policy.databases[0].serialised.resize(kMaxDatabaseBytes + 1);
    EXPECT_FALSE(read_image(write_image(policy)));
}

TEST(Image, SaysWhatIsWrong) {
    const auto message = [](Bytes image) {
        const auto read = read_image(image);
        return read ? std::string("accepted") : read.error().message;
    };
    auto image = write_image(tiny_policy());
    EXPECT_EQ(message({}), "image: shorter than its header");
    EXPECT_EQ(message(Bytes(kMaxImageBytes + 1)), "image: larger than 64 MiB");
    auto magic = image;
    magic[0] = std::byte{'X'};
    EXPECT_EQ(message(magic), "image: not a policy image (wrong magic)");
    auto version = image;
    version[8] = std::byte{9};
    EXPECT_EQ(message(version), "image: version 9, but this program reads version 2");
    auto digest = image;
    digest.back() ^= std::byte{1};
    EXPECT_EQ(message(digest), "image: damaged: the digest does not match");
    auto text = tiny_policy();
    text.rules[0].reason = "\xff";
    EXPECT_EQ(message(write_image(text)), "image: section rules: a string is not UTF-8 text");
    auto index = tiny_policy();
    index.rules[testing::kAccess].service = 99;
    EXPECT_EQ(message(write_image(index)),
              "image: rule access-443 names a service that does not exist");
}

}  // namespace
}  // namespace portcullis::policy
