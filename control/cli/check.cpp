// portcullis check TOPOLOGY
#include <algorithm>
#include <iomanip>
#include <map>
#include <ostream>

#include "control/cli/command.h"
#include "control/cli/compiled.h"
#include "control/cli/describe.h"
#include "control/cli/options.h"
#include "control/cli/table.h"
#include "rules/compile/analyse.h"
#include "rules/policy/image.h"

namespace portcullis::control::cli {
namespace {

using namespace policy;
namespace po = boost::program_options;

const Usage kCheckUsage{
    "check", "TOPOLOGY",
    R"(Reads a topology file and compiles it, changing nothing anywhere. Everything that is wrong with it
goes to standard error as file:line:column: what (what to do); where nothing is, a summary is printed.)",
    "Exit codes: 0 sound, 1 errors found, 2 usage."};

constexpr int kLabelWidth = 12;
constexpr int kModeWidth = 9;
constexpr int kPageWidth = 120;

// Prints the label before the first line of a paragraph and spaces before the others.
class Paragraph {
  public:
    Paragraph(std::string label, std::ostream& out) : label_(std::move(label)), out_(out) {}
    std::ostream& line() {
        out_ << std::left << std::setw(kLabelWidth) << label_;
        label_.clear();
        return out_;
    }

  private:
    std::string label_;
    std::ostream& out_;
};

void print_features(const topology::FeatureSet& features, std::ostream& out) {
    std::string on;
    for (unsigned i = 0; i < topology::kFeatureCount; ++i) {
        const auto feature = static_cast<topology::Feature>(i);
        if (features.has(feature)) continue;
        if (!on.empty()) on += ", ";
        on += topology::to_string(feature);
    }
    Paragraph("features", out).line() << (on.empty() ? "all" : "all but " + on) << '\n';
}

void print_interfaces(const Policy& policy, std::ostream& out) {
    Paragraph paragraph("interfaces", out);
    for (const auto& interface : policy.interfaces) {
        paragraph.line() << std::setw(10) << interface.name << ' ' << std::setw(14)
                         << text(interface) << ' ' << std::setw(28) << text(interface.zones);
        std::string_view separator = " ";
        for (const auto& entry : interface.addresses) {
            out << separator << entry.address.to_string() << '/' << unsigned{entry.prefix_length};
            separator = ", ";
        }
        out << '\n';
    }
}

void print_services(const Policy& policy, std::ostream& out) {
    Paragraph paragraph("services", out);
    if (policy.services.empty()) paragraph.line() << "none\n";
    for (const auto& service : policy.services) {
        paragraph.line() << std::setw(34) << service.name << ' ' << std::setw(5)
                         << to_string(service.nat) << ' ';
        if (service.nat == NatKind::snat) {
            out << "leaves as " << service.vip.to_string() << '\n';
            continue;
        }
        out << endpoint(service.vip, service.port) << " ->";
        for (const auto& node : service.nodes) out << ' ' << node.name;
        out << '\n';
    }
}

void print_rule_counts(const Policy& policy, std::ostream& out) {
    std::map<std::pair<Zone, Zone>, unsigned> counts;
    unsigned site = 0;
    for (const auto& rule : policy.rules) {
        ++counts[{rule.from, rule.to}];
        if (rule.origin == Origin::site) ++site;
    }
    Paragraph paragraph("rules", out);
    for (const auto& [zones, count] : counts)
        paragraph.line() << std::setw(14) << to_string(zones.first) << "-> " << std::setw(14)
                         << to_string(zones.second) << std::right << std::setw(5) << count << '\n'
                         << std::left;
    paragraph.line() << policy.rules.size() << " in all, " << site << " of them site rules; "
                     << policy.builtins.size() << " things allowed outside the matrix; "
                     << policy.witnesses.size() << " witnesses\n";
}

void print_conformance(const Policy& policy, std::ostream& out) {
    Paragraph paragraph("held to", out);
    for (const auto mode :
         {ConformanceMode::enforce, ConformanceMode::watch, ConformanceMode::off}) {
        std::string services;
        for (const auto& service : policy.conformance)
            if (service.mode == mode) services += (services.empty() ? "" : ", ") + service.name;
        if (services.empty()) continue;
        std::string_view label = to_string(mode);
        for (const auto& line : wrap(services, kPageWidth - kLabelWidth - kModeWidth)) {
            paragraph.line() << std::setw(kModeWidth) << label << line << '\n';
            label = "";
        }
    }
    const auto free = std::ranges::count_if(policy.rules, [](const Rule& rule) {
        return rule.action == Action::allow && rule.conformance == kNoConformance;
    });
    paragraph.line() << free << (free == 1 ? " rule" : " rules")
                     << " allow what is held to no protocol\n";
}

void print_findings(const Policy& policy, std::ostream& out) {
    Paragraph paragraph("findings", out);
    const auto findings = compile::analyse(policy);
    if (findings.empty()) paragraph.line() << "none\n";
    for (const auto& finding : findings)
        paragraph.line() << compile::to_string(finding.kind) << ": " << finding.text << '\n';
}

}  // namespace

int check_command(const Arguments& arguments, Streams& streams) {
    const auto options =
        parse_options(kCheckUsage, po::options_description(), {{"TOPOLOGY"}}, arguments, streams);
    if (!options) return options.error();
    const auto file = (*options)["TOPOLOGY"].as<std::string>();
    auto cache = PolicyCache::load(file);
    if (!cache) {
        print_diagnostics(cache.error(), streams.err);
        return kNegative;
    }
    const auto& policy = cache->get();
    if (!policy) {
        print_diagnostics(policy.error(), streams.err);
        return kNegative;
    }
    const auto image = write_image(*policy);
    if (const auto read = read_image(image); !read) {
        streams.err << "this is a defect of Portcullis, please report it: " << read.error().message
                    << '\n';
        return kNegative;
    }
    auto& out = streams.out;
    Paragraph("topology", out).line() << policy->topology_name << '\n';
    Paragraph("release", out).line() << policy->release << '\n';
    print_features(cache->topology().features, out);
    print_interfaces(*policy, out);
    print_services(*policy, out);
    print_rule_counts(*policy, out);
    print_conformance(*policy, out);
    print_findings(*policy, out);
    Paragraph("image", out).line()
        << to_string(image_hash(image)) << ", " << image.size() << " bytes\n";
    return kOk;
}

}  // namespace portcullis::control::cli
