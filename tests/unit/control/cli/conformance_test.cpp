// What the offline commands say of the protocols that sessions are held to.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "control/cli/command.h"
#include "control/cli/describe.h"
#include "rules/topology/inspected_services.h"

namespace portcullis::control::cli {
namespace {

const std::string kScaled = std::string(SAMPLES_DIR) + "/lync-2013-scaled-hlb.yaml";

struct Run {
    int code = 0;
    std::string out;
    std::string err;
    bool said(std::string_view part) const { return out.find(part) != std::string::npos; }
    Json json() const { return Json::parse(out); }
};

Run run(const Arguments& arguments, const std::string& input = {}) {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    Streams streams{in, out, err};
    const int code = dispatch(arguments, streams);
    return {code, out.str(), err.str()};
}

// The scaled sample with another section `conformance` and more site rules, for one test.
class Changed {
  public:
    explicit Changed(const std::string& conformance, const std::string& site_rules = {}) {
        std::ostringstream content;
        content << std::ifstream(kScaled).rdbuf();
        auto text = content.str();
        const auto begin = text.find("\nconformance:");
        const auto end = text.find("\n# Judged before");
        EXPECT_LT(begin, end);
        text.replace(begin, end - begin, "\n" + conformance);
        std::ofstream(path_) << text << site_rules;
    }
    ~Changed() { std::filesystem::remove(path_); }
    Changed(const Changed&) = delete;
    Changed& operator=(const Changed&) = delete;
    const std::string& path() const { return path_; }

  private:
    static std::string unique_path() {
        static unsigned number = 0;
        return (std::filesystem::temp_directory_path() /
                ("portcullis-held-test-" + std::to_string(getpid()) + "-" +
                 std::to_string(number++) + ".yaml"))
            .string();
    }
    std::string path_ = unique_path();
};

Arguments question(const std::string& file, const char* destination) {
    return {"trace", file,    "--in",          "internet", "--proto",
            "tcp",   "--src", "198.51.100.25", "--dst",    destination};
}

TEST(TraceConformance, SaysServiceClassModeAndNames) {
    const Changed site(R"(conformance:
  services:
    access-443: {mode: enforce, names: [sip.example.com, "*.example.com"], missing-name: refuse}
    av-443: off
)");
    auto asked = question(site.path(), "203.0.113.10:443");
    const auto text = run(asked);
    EXPECT_EQ(text.code, kOk) << text.err;
    EXPECT_TRUE(
        text.said("held to     sip-tls by service access-443, enforce; names *.example.com, "
                  "sip.example.com, without a name"))
        << text.out;
    asked.push_back("--json");
    EXPECT_EQ(run(asked).json()["conformance"],
              Json::parse(R"({"service":"access-443","class":"sip-tls","transport":"tcp",
                  "mode":"enforce","names":["*.example.com","sip.example.com"],
                  "missing_name":"refuse"})"));
    EXPECT_TRUE(run(question(site.path(), "203.0.113.30:443"))
                    .said("held to     turn-tcp by service av-443, off\n"));
    // What is denied is held to nothing.
    auto denied = question(site.path(), "203.0.113.10:22");
    EXPECT_FALSE(run(denied).said("held to"));
    denied.push_back("--json");
    EXPECT_TRUE(run(denied).json()["conformance"].is_null());
}

TEST(TraceConformance, ABatchMayExpectIt) {
    const std::string asked =
        R"({"id":1,"in":"internet","proto":"tcp","src":"198.51.100.25","dst":"203.0.113.200","dport":443,)";
    EXPECT_EQ(run({"trace", kScaled, "--batch", "-"},
                  asked + R"("expect":{"conformance":{"class":"https","mode":"watch"}}})")
                  .code,
              kOk);
    EXPECT_EQ(run({"trace", kScaled, "--batch", "-"},
                  asked + R"("expect":{"conformance":{"class":"https","mode":"enforce"}}})")
                  .code,
              kNegative);
}

TEST(RulesConformance, EachRuleSaysWhatItIsHeldTo) {
    const auto text = run({"rules", kScaled, "--zone", "internet"});
    EXPECT_TRUE(
        text.said("held to psom-tls by service web-conferencing-443, watch; names "
                  "webconf.example.com, without a name allowed"));
    const auto json = run({"rules", kScaled, "--json"}).json();
    std::map<std::string, Json> services;
    for (const auto& service : json["conformance"])
        services[service["service"].get<std::string>()] = service;
    EXPECT_EQ(services.at("edge-logging")["class"], "logging");
    unsigned held = 0;
    unsigned free = 0;
    for (const auto& rule : json["rules"]) {
        if (rule["conformance"].is_null()) {
            ++free;
            continue;
        }
        ++held;
        EXPECT_EQ(services.at(rule["conformance"].get<std::string>())["transport"],
                  rule["transport"]);
    }
    EXPECT_GT(held, 100U);
    EXPECT_GT(free, 10U);
}

TEST(CheckConformance, SumsTheModesUp) {
    const Changed site(R"(conformance:
  default: enforce
  services: {crl: off}
)");
    const auto result = run({"check", site.path()});
    EXPECT_EQ(result.code, kOk) << result.err;
    EXPECT_TRUE(result.said("held to     enforce  access-443, "));
    EXPECT_TRUE(result.said(
        "watch    edge-xmpp-gateway, edge-logging, corporate-sba, corporate-logging\n"));
    EXPECT_TRUE(result.said("off      crl\n"));
    EXPECT_TRUE(result.said("allow what is held to no protocol\n"));
}

TEST(DiffConformance, ShowsModesNamesAndNothingElse) {
    const Changed before("conformance: {services: {access-443: {names: a.example.com}}}\n");
    const Changed after(
        "conformance: {services: {access-443: {names: b.example.com}, av-443: enforce}}\n");
    EXPECT_EQ(run({"diff", before.path(), before.path()}).code, kOk);
    const auto text = run({"diff", before.path(), after.path()});
    EXPECT_EQ(text.code, kNegative);
    EXPECT_EQ(text.out,
              "conformance: 0 added, 0 removed, 2 changed\n"
              "  ~ access-443\n"
              "      names: [\"a.example.com\"] -> [\"b.example.com\"]\n"
              "  ~ av-443\n"
              "      mode: \"watch\" -> \"enforce\"\n");
}

TEST(Signatures, OfflineListsEveryClass) {
    const auto json = run({"signatures", "--offline", "--json"}).json();
    std::map<std::string, Json> classes;
    for (const auto& known : json["classes"]) {
        classes[known["class"].get<std::string>()] = known;
        EXPECT_GT(known["patterns"], 0) << known;
        EXPECT_EQ(known["enforceable"].get<bool>(), known["why_not"].is_null()) << known;
        EXPECT_FALSE(known["source"].get<std::string>().empty()) << known;
    }
    EXPECT_EQ(classes.size(), policy::kProtocolClassCount - 2) << "all but none and custom";
    EXPECT_EQ(classes.at("turn-udp")["transport"], "udp");
    EXPECT_EQ(classes.at("sip-tls")["enforceable"], true);
    EXPECT_EQ(classes.at("sba-https")["enforceable"], false);
    const auto text = run({"signatures", "--offline"});
    EXPECT_EQ(text.code, kOk);
    for (const auto& [name, known] : classes) EXPECT_TRUE(text.said(name)) << name;
}

TEST(Signatures, ATopologyListsItsServices) {
    const auto json = run({"signatures", kScaled, "--json"}).json();
    EXPECT_EQ(json["topology"], "lync-2013-scaled-hlb");
    bool found = false;
    for (const auto& service : json["services"]) {
        EXPECT_GT(service["rules"], 0) << service;
        EXPECT_NE(topology::find_inspected_service(service["service"].get<std::string>()), nullptr);
        if (service["service"] != "web-conferencing-443") continue;
        found = true;
        EXPECT_EQ(service["class"], "psom-tls");
        EXPECT_EQ(service["names"], Json::array({"webconf.example.com"}));
    }
    EXPECT_TRUE(found);
    const auto text = run({"signatures", kScaled});
    EXPECT_EQ(text.code, kOk) << text.err;
    EXPECT_TRUE(text.said("webconf.example.com"));
    EXPECT_EQ(run({"signatures", "/nonexistent.yaml"}).code, kNegative);
}

TEST(Signatures, AsksTheDaemonOnlyWithoutATopology) {
    const auto nobody = run({"signatures", "--socket", "/nonexistent/socket"});
    EXPECT_EQ(nobody.code, kNegative);
    EXPECT_TRUE(nobody.out.empty());
    EXPECT_NE(nobody.err.find("/nonexistent/socket"), std::string::npos) << nobody.err;
    EXPECT_EQ(run({"signatures", kScaled, "--offline"}).code, kUsage);
}

}  // namespace
}  // namespace portcullis::control::cli
