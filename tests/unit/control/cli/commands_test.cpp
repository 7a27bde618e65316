// The commands as functions, over the sample topologies.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "control/cli/command.h"
#include "control/cli/describe.h"

namespace portcullis::control::cli {
namespace {

const std::string kSamples = SAMPLES_DIR;  // meson.build says where
const std::string kScaled = kSamples + "/lync-2013-scaled-hlb.yaml";
const std::string k2010 = kSamples + "/lync-2010-reference.yaml";

struct Run {
    int code = 0;
    std::string out;
    std::string err;
};

Run run(const Arguments& arguments, const std::string& input = {}) {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    Streams streams{in, out, err};
    const int code = dispatch(arguments, streams);
    return {code, out.str(), err.str()};
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

// A file that is gone when the test is.
class TemporaryFile {
  public:
    explicit TemporaryFile(const std::string& content) { std::ofstream(path_) << content; }
    ~TemporaryFile() { std::filesystem::remove(path_); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    const std::string& path() const { return path_; }

  private:
    static std::string unique_path() {
        static unsigned number = 0;
        return (std::filesystem::temp_directory_path() /
                ("portcullis-cli-test-" + std::to_string(getpid()) + "-" +
                 std::to_string(number++) + ".yaml"))
            .string();
    }
    std::string path_ = unique_path();
};

std::string read_file(const std::string& path) {
    std::ostringstream content;
    content << std::ifstream(path).rdbuf();
    return content.str();
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

TEST(Dispatch, HelpListsEveryCommand) {
    const auto help = run({"--help"});
    EXPECT_EQ(help.code, kOk);
    for (const auto& command : commands()) EXPECT_TRUE(contains(help.out, command.name));
    EXPECT_EQ(run({}).code, kUsage);
}

TEST(Dispatch, EveryCommandHasHelp) {
    for (const auto& command : commands()) {
        const auto help = run({std::string(command.name), "--help"});
        EXPECT_EQ(help.code, kOk) << command.name;
        EXPECT_TRUE(contains(help.out, "usage: portcullis " + std::string(command.name)));
        EXPECT_TRUE(help.err.empty());
    }
}

TEST(Dispatch, UnknownThingsAreUsageErrors) {
    const auto unknown = run({"trase"});
    EXPECT_EQ(unknown.code, kUsage);
    EXPECT_TRUE(contains(unknown.err, "did you mean 'trace'?"));
    for (const Arguments& wrong : std::vector<Arguments>{{"check"},
                                                         {"check", kScaled, "more"},
                                                         {"check", "--jsn", kScaled},
                                                         {"diff", kScaled},
                                                         {"rules", kScaled, "--zone", "dmz"},
                                                         {"rules", kScaled, "--zone"},
                                                         {"trace", kScaled}}) {
        const auto result = run(wrong);
        EXPECT_EQ(result.code, kUsage) << wrong.back();
        EXPECT_TRUE(contains(result.err, "--help")) << wrong.back();
    }
}

TEST(Check, SoundTopologiesGiveASummary) {
    for (const auto& entry : std::filesystem::directory_iterator(kSamples)) {
        if (entry.path().extension() != ".yaml") continue;
        const auto result = run({"check", entry.path().string()});
        EXPECT_EQ(result.code, kOk) << entry.path() << result.err;
        for (const char* label :
             {"release ", "interfaces ", "services ", "rules ", "held to ", "findings ", "image "})
            EXPECT_TRUE(contains(result.out, label)) << label;
    }
}

TEST(Check, ErrorsSayWhere) {
    const TemporaryFile broken(
        replaced(read_file(kScaled), "release: lync-2013", "relaese: lync-2013"));
    const auto result = run({"check", broken.path()});
    EXPECT_EQ(result.code, kNegative);
    EXPECT_TRUE(result.out.empty());
    EXPECT_TRUE(contains(result.err, broken.path() + ":")) << result.err;
    EXPECT_TRUE(contains(result.err, "relaese")) << result.err;
    EXPECT_EQ(run({"check", "/nonexistent.yaml"}).code, kNegative);
}

TEST(RulesNft, WritesTheWholePolicy) {
    const auto plain = run({"rules", kScaled, "--nft"});
    EXPECT_EQ(plain.code, kOk) << plain.err;
    EXPECT_TRUE(contains(plain.out, "table inet portcullis {"));
    EXPECT_TRUE(contains(plain.out, "\"wan\" : goto in-wan"));
    const auto named =
        run({"rules", "--nft", "--nft-device", "wan=eth0", kScaled, "--nft-device", "lan=eth1"});
    EXPECT_EQ(named.code, kOk) << named.err;
    EXPECT_TRUE(contains(named.out, "\"eth0\" : goto in-wan"));
    EXPECT_TRUE(contains(named.out, "\"eth1\" : goto in-lan"));
    EXPECT_TRUE(contains(named.out, "\"dmz-x\" : goto in-dmz-x"));
}

TEST(RulesNft, VlansAreNamedAsTheKernelDoes) {
    const auto result = run({"rules", k2010, "--nft", "--nft-device", "dmz=eth3"});
    EXPECT_EQ(result.code, kOk) << result.err;
    EXPECT_TRUE(contains(result.out, "\"eth3.10\" : goto in-dmz-x"));
}

TEST(RulesNft, BadOptionsSayWhatToDo) {
    const std::vector<std::pair<Arguments, std::string>> cases = {
        {{"--nft", "--zone", "internet"}, "leave out --zone"},
        {{"--nft", "--json"}, "leave out --zone and --json"},
        {{"--nft-device", "wan=eth0"}, "--nft-device goes with --nft"},
        {{"--nft", "--nft-device", "eth0"}, "not of the form DEVICE=NETDEV"},
        {{"--nft", "--nft-device", "=eth0"}, "not of the form DEVICE=NETDEV"},
        {{"--nft", "--nft-device", "wn=eth0"}, "did you mean 'wan'?"},
        {{"--nft", "--nft-device", "uplink=eth0"}, "it has wan, dmz-x, dmz-p, dmz-i, lan"},
        {{"--nft", "--nft-device", "wan=eth0", "--nft-device", "wan=eth1"}, "named twice"},
        {{"--nft", "--nft-device", "wan="}, "cannot be the kernel's name of device 'wan'"},
        {{"--nft", "--nft-device", "wan=a-name-of-16-chr"}, "at most 15"},
        {{"--nft", "--nft-device", "wan=eth\"0"}, "cannot be the kernel's name"},
        {{"--nft", "--nft-device", "wan=lan"}, "would both be 'lan'"}};
    for (const auto& [options, complaint] : cases) {
        Arguments arguments{"rules", kScaled};
        arguments.insert(arguments.end(), options.begin(), options.end());
        const auto result = run(arguments);
        EXPECT_EQ(result.code, kUsage) << complaint;
        EXPECT_TRUE(contains(result.err, complaint)) << result.err;
        EXPECT_TRUE(result.out.empty());
    }
}

TEST(Rules, TableFitsItsPage) {
    const auto result = run({"rules", kScaled});
    EXPECT_EQ(result.code, kOk) << result.err;
    std::istringstream lines(result.out);
    for (std::string line; std::getline(lines, line);) {
        EXPECT_LE(line.size(), 120U) << line;
        EXPECT_TRUE(line.empty() || line.back() != ' ') << line;
    }
    EXPECT_TRUE(contains(result.out, "internet -> edge-external"));
    EXPECT_TRUE(contains(result.out, "administration of Edge nodes"));
    EXPECT_TRUE(contains(result.out, "outside the matrix, always allowed"));
}

TEST(Rules, JsonHasEveryFieldAndObeysZone) {
    const auto all = Json::parse(run({"rules", kScaled, "--json"}).out);
    EXPECT_EQ(all["release"], "lync-2013");
    EXPECT_EQ(all["hash"].get<std::string>().size(), 32U);
    EXPECT_GT(all["rules"].size(), 20U);
    EXPECT_FALSE(all["builtins"].empty());
    const auto some = Json::parse(run({"rules", kScaled, "--zone", "rp-external", "--json"}).out);
    EXPECT_FALSE(some["rules"].empty());
    EXPECT_LT(some["rules"].size(), all["rules"].size());
    for (const auto& rule : some["rules"])
        EXPECT_TRUE(rule["from"] == "rp-external" || rule["to"] == "rp-external") << rule["id"];
}

TEST(Trace, JsonIsTheWholeAnswer) {
    const auto result = run({"trace", kScaled, "--in", "internet", "--proto", "tcp", "--src",
                             "198.51.100.25:51000", "--dst", "203.0.113.10:443", "--json"});
    ASSERT_EQ(result.code, kOk) << result.err;
    auto json = Json::parse(result.out);
    EXPECT_FALSE(json["rows"].empty());
    EXPECT_FALSE(json["reason"].get<std::string>().empty());
    EXPECT_TRUE(json["rule"].is_string());
    EXPECT_EQ(json["conformance"]["service"], "access-443");
    for (const char* unstable : {"rows", "reason", "rule", "conformance"}) json.erase(unstable);
    EXPECT_EQ(json.dump(),
              R"({"verdict":"allow","nat":"full","translated":{"src":"203.0.113.10","sport":null,)"
              R"("dst":null,"dport":443,"candidates":["203.0.113.11","203.0.113.12"]},)"
              R"("ingress":"wan","egress":{"interface":"dmz-x","next_hop":null}})");
}

TEST(Trace, TextInBothFamilies) {
    const auto allowed = run({"trace", kScaled, "--in", "internet", "--proto", "udp", "--src",
                              "[2001:db8:7::1]:40000", "--dst", "[2001:db8:0:113::30]:3478"});
    EXPECT_EQ(allowed.code, kOk) << allowed.err;
    for (const char* part : {"verdict     allow\n", "nat         dnat\n",
                             "leaves as   [2001:db8:7::1]:40000 -> (one of the nodes):3478\n",
                             "nodes       2001:db8:0:113::31, 2001:db8:0:113::32\n",
                             "egress      dmz-x, next hop the node\n"})
        EXPECT_TRUE(contains(allowed.out, part)) << part << allowed.out;
    const auto denied = run({"trace", kScaled, "--in", "internet", "--proto", "tcp", "--src",
                             "198.51.100.25", "--dst", "203.0.113.11:443"});
    EXPECT_EQ(denied.code, kOk);
    EXPECT_TRUE(contains(denied.out, "verdict     deny\n"));
    EXPECT_TRUE(contains(denied.out, "reason      no-rule: nothing in the matrix opens this\n"));
}

TEST(Trace, FeaturesCanBeSwitched) {
    const Arguments ask = {"trace", kScaled, "--in",          "internet", "--proto",
                           "tcp",   "--src", "198.51.100.25", "--dst",    "203.0.113.10:5269"};
    EXPECT_TRUE(contains(run(ask).out, "verdict     allow"));
    auto without = ask;
    without.insert(without.end(), {"--without", "xmpp"});
    EXPECT_TRUE(contains(run(without).out, "verdict     deny"));
    auto both = without;
    both.insert(both.end(), {"--with", "xmpp"});
    EXPECT_EQ(run(both).code, kUsage);
    auto unknown = ask;
    unknown.insert(unknown.end(), {"--with", "xmp"});
    const auto result = run(unknown);
    EXPECT_EQ(result.code, kUsage);
    EXPECT_TRUE(contains(result.err, "did you mean 'xmpp'?")) << result.err;
}

TEST(Trace, SpoofedSourcesAreToldApart) {
    const auto reason = [](const char* in, const char* source) {
        const auto line = R"({"in":")" + std::string(in) + R"(","proto":"tcp","src":")" + source +
                          (std::string_view(source).find(':') == std::string_view::npos
                               ? R"(","dst":"203.0.113.10","dport":443})"
                               : R"(","dst":"2001:db8:0:113::10","dport":443})");
        const auto text = Json::parse(run({"trace", kScaled, "--batch", "-"}, line).out)["reason"]
                              .get<std::string>();
        return text.substr(0, text.find(':'));
    };
    EXPECT_EQ(reason("internet", "192.168.1.1"), "bogon-source");
    EXPECT_EQ(reason("internet", "::ffff:198.51.100.7"), "bogon-source");
    EXPECT_EQ(reason("internet", "10.30.9.9"), "spoofed-source");
    EXPECT_EQ(reason("internet", "203.0.113.10"), "own-source");
    EXPECT_EQ(reason("corporate", "198.51.100.7"), "spoofed-source");
    EXPECT_EQ(reason("edge-external", "::ffff:198.51.100.7"), "spoofed-source");
}

constexpr std::string_view kQuestion =
    R"("in":"internet","proto":"tcp","src":"198.51.100.25","sport":51000,"dst":"203.0.113.10",)"
    R"("dport":443)";
std::string ask(std::string_view more) {
    return "{" + std::string(kQuestion) + std::string(more) + "}\n";
}

TEST(Batch, AnswersEachLineAndKeepsGoing) {
    const auto result = run({"trace", kScaled, "--batch", "-"},
                            "# a comment\n\n" + ask(R"(,"id":1)") + "nonsense\n" +
                                ask(R"(,"id":"three","without":["federtion"])") +
                                R"({"id":4,"in":"internet","proto":"tcp"})" + "\n" +
                                ask(R"(,"id":{"a":5},"without":["web-conferencing"])"));
    EXPECT_EQ(result.code, kNegative);
    std::vector<Json> lines;
    std::istringstream out(result.out);
    for (std::string line; std::getline(out, line);) lines.push_back(Json::parse(line));
    ASSERT_EQ(lines.size(), 5U) << result.out;
    EXPECT_EQ(lines[0]["verdict"], "allow");
    EXPECT_EQ(lines[0].size(), 8U);
    EXPECT_EQ(lines[1].dump(), R"({"id":null,"error":"this is not a JSON object"})");
    EXPECT_EQ(
        lines[2].dump(),
        R"({"id":"three","error":"there is no feature 'federtion'; did you mean 'federation'?"})");
    EXPECT_EQ(lines[3].dump(), R"({"id":4,"error":"the field \"src\" is missing"})");
    EXPECT_EQ(lines[4]["id"].dump(), R"({"a":5})");
    EXPECT_TRUE(contains(result.err, "standard input:4: this is not a JSON object\n"));
    EXPECT_TRUE(contains(result.err, "standard input:6: id 4: the field \"src\" is missing\n"));
}

TEST(Batch, ExpectationsDecideTheExitCode) {
    const auto met = run({"trace", kScaled, "--batch", "-"},
                         ask(R"(,"expect":"allow")") +
                             ask(R"(,"expect":{"nat":"full","translated":{"sport":null}})"));
    EXPECT_EQ(met.code, kOk) << met.err;
    EXPECT_EQ(met.err, "standard input: 2 expectations, 0 not met\n");
    const auto unmet =
        run({"trace", kScaled, "--batch", "-"}, ask(R"(,"id":9,"expect":{"verdict":"deny"})"));
    EXPECT_EQ(unmet.code, kNegative);
    EXPECT_EQ(unmet.err,
              "standard input:1: id 9: verdict: expected \"deny\", got \"allow\"\n"
              "standard input: 1 expectations, 1 not met\n");
}

TEST(Batch, BadFieldsAreNamed) {
    const auto error = [](const std::string& line) {
        return Json::parse(run({"trace", kScaled, "--batch", "-"}, line).out)["error"]
            .get<std::string>();
    };
    EXPECT_EQ(error(R"({"in":"inernet"})"), "there is no zone 'inernet'; did you mean 'internet'?");
    EXPECT_EQ(error(R"({"in":1})"), "\"in\" is not a string");
    EXPECT_EQ(error(R"({"in":"internet","proto":"sctp"})"),
              "there is no protocol 'sctp'; tcp, udp or icmp");
    const std::string start = R"({"in":"internet","proto":"tcp","src":"198.51.100.1","dst":)";
    EXPECT_EQ(error(start + R"("x","dport":1})"), "'x' is no IP address");
    EXPECT_EQ(error(start + R"("203.0.113.10"})"), "the field \"dport\" is missing");
    for (const char* port : {"-1", "65536", "\"443\"", "1.5", "null"})
        EXPECT_EQ(error(start + R"("203.0.113.10","dport":)" + port + "}"),
                  "\"dport\" is no port (a number, 0-65535)");
    EXPECT_EQ(error(ask(R"(,"with":[1])")), "\"with\" is not a list of feature names");
}

TEST(Batch, UnknownFieldsAreNamedOnce) {
    const auto result =
        run({"trace", kScaled, "--batch", "-"}, ask(R"(,"note":"x")") + ask(R"(,"note":"y")"));
    EXPECT_EQ(result.code, kOk);
    EXPECT_EQ(result.err,
              "standard input:1: the field \"note\" is not known and is ignored, here and below\n");
}

TEST(Diff, TheSameFileIsTheSamePolicy) {
    const auto result = run({"diff", kScaled, kScaled});
    EXPECT_EQ(result.code, kOk) << result.out << result.err;
    EXPECT_EQ(result.out, "the same policy\n");
    EXPECT_EQ(Json::parse(run({"diff", kScaled, kScaled, "--json"}).out)["same"], true);
}

TEST(Diff, NamesWhatCameAndWent) {
    const auto text = read_file(kScaled);
    const TemporaryFile without_xmpp(replaced(text, "xmpp: on", "xmpp: off"));
    const auto result = run({"diff", kScaled, without_xmpp.path(), "--json"});
    EXPECT_EQ(result.code, kNegative) << result.err;
    const auto json = Json::parse(result.out);
    EXPECT_EQ(json["same"], false);
    EXPECT_TRUE(json["rules"]["added"].empty());
    EXPECT_FALSE(json["rules"]["removed"].empty());
    for (const auto& rule : json["rules"]["removed"]) {
        const auto port = rule["destination_ports"]["first"].get<unsigned>();
        EXPECT_TRUE(port == 5269 || port == 23456) << rule["id"];
    }
    const auto back = Json::parse(run({"diff", without_xmpp.path(), kScaled, "--json"}).out);
    EXPECT_EQ(back["rules"]["added"], json["rules"]["removed"]);

    const TemporaryFile other_port(replaced(text, "tcp: 3389", "tcp: 3390"));
    EXPECT_EQ(run({"diff", kScaled, other_port.path()}).code, kNegative);
    const TemporaryFile other_reason(
        replaced(text, "administration of Edge nodes", "remote desktop"));
    const auto changed = run({"diff", kScaled, other_reason.path()});
    EXPECT_EQ(changed.code, kNegative);
    EXPECT_TRUE(contains(changed.out, "remote desktop")) << changed.out;
}

TEST(Diff, ABrokenTopologyIsNoDifference) {
    const TemporaryFile broken("release: lync-2013\n");
    EXPECT_EQ(run({"diff", kScaled, broken.path()}).code, kUsage);
}

TEST(Samples, BothReleasesAnswer) {
    const auto json = Json::parse(run({"rules", k2010, "--json"}).out);
    EXPECT_EQ(json["release"], "lync-2010");
}

}  // namespace
}  // namespace portcullis::control::cli
