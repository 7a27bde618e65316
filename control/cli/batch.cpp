#include "control/cli/batch.h"

#include <istream>
#include <ostream>
#include <set>

#include "control/cli/expectation.h"
#include "control/cli/question.h"
#include "control/cli/zone_option.h"

namespace portcullis::control::cli {
namespace {

using namespace policy;

template <typename Value>
using Parsed = tl::expected<Value, std::string>;

Parsed<std::string> string_field(const Json& line, const char* key) {
    const auto found = line.find(key);
    if (found == line.end())
        return tl::make_unexpected("the field \"" + std::string(key) + "\" is missing");
    if (!found->is_string())
        return tl::make_unexpected("\"" + std::string(key) + "\" is not a string");
    return found->get<std::string>();
}

Parsed<std::uint16_t> port_field(const Json& line, const char* key,
                                 std::optional<std::uint16_t> fallback) {
    const auto found = line.find(key);
    if (found == line.end()) {
        if (fallback) return *fallback;
        return tl::make_unexpected("the field \"" + std::string(key) + "\" is missing");
    }
    if (!found->is_number_unsigned() || found->get<std::uint64_t>() > 65535)
        return tl::make_unexpected("\"" + std::string(key) + "\" is no port (a number, 0-65535)");
    return static_cast<std::uint16_t>(found->get<std::uint64_t>());
}

// A list of names, or one name.
Parsed<std::vector<std::string>> names_field(const Json& line, const char* key) {
    std::vector<std::string> names;
    const auto found = line.find(key);
    if (found == line.end()) return names;
    const auto list = found->is_string() ? Json::array({*found}) : *found;
    const auto error = "\"" + std::string(key) + "\" is not a list of feature names";
    if (!list.is_array()) return tl::make_unexpected(error);
    for (const auto& name : list) {
        if (!name.is_string()) return tl::make_unexpected(error);
        names.push_back(name.get<std::string>());
    }
    return names;
}

Parsed<IpAddress> host_field(const Json& line, const char* key) {
    return string_field(line, key).and_then([](const auto& text) { return parse_host(text); });
}

Parsed<Question> parse_question(const Json& line) {
    const auto in = string_field(line, "in").and_then(parse_zone_option);
    if (!in) return tl::make_unexpected(in.error());
    const auto transport = string_field(line, "proto").and_then([](const auto& text) {
        return parse_transport(text);
    });
    if (!transport) return tl::make_unexpected(transport.error());
    const auto source = host_field(line, "src");
    if (!source) return tl::make_unexpected(source.error());
    const auto destination = host_field(line, "dst");
    if (!destination) return tl::make_unexpected(destination.error());
    const auto source_port = port_field(line, "sport", kDefaultSourcePort);
    if (!source_port) return tl::make_unexpected(source_port.error());
    std::optional<std::uint16_t> no_port;
    if (*transport == Transport::icmp) no_port = 0;
    const auto destination_port = port_field(line, "dport", no_port);
    if (!destination_port) return tl::make_unexpected(destination_port.error());
    return Question{*in, *transport, *source, *destination, *source_port, *destination_port};
}

class Batch {
  public:
    Batch(PolicyCache& cache, const topology::FeatureSet& features, std::string name,
          Streams& streams)
        : cache_(cache), features_(features), name_(std::move(name)), streams_(streams) {}

    void line(const std::string& text) {
        ++number_;
        const auto first = text.find_first_not_of(" \t\r");
        if (first == std::string::npos || text[first] == '#') return;
        const auto question = Json::parse(text, nullptr, false);
        Json out;
        out["id"] = nullptr;
        if (!question.is_object()) {
            fail(out, "this is not a JSON object");
            return;
        }
        if (question.contains("id")) out["id"] = question["id"];
        warn_of_unknown_fields(question);
        const auto answered = judge(question);
        if (!answered) {
            fail(out, answered.error());
            return;
        }
        out.update(*answered);
        print(out);
        if (const auto expected = question.find("expect"); expected != question.end())
            check(out, *expected);
    }

    int finish() {
        if (expectations_ > 0)
            streams_.err << name_ << ": " << expectations_ << " expectations, " << unmet_
                         << " not met\n";
        return unmet_ > 0 || malformed_ > 0 ? kNegative : kOk;
    }

  private:
    Parsed<Json> judge(const Json& line) {
        const auto question = parse_question(line);
        if (!question) return tl::make_unexpected(question.error());
        const auto with = names_field(line, "with");
        if (!with) return tl::make_unexpected(with.error());
        const auto without = names_field(line, "without");
        if (!without) return tl::make_unexpected(without.error());
        const auto change = parse_feature_change(*with, *without);
        if (!change) return tl::make_unexpected(change.error());
        const auto& policy = cache_.get(changed(features_, *change));
        if (!policy)
            return tl::make_unexpected("with these features the topology has errors: " +
                                       policy.error().front().to_string());
        const auto answered = answer(*policy, *question);
        if (!answered) return tl::make_unexpected(answered.error());
        return to_json(*policy, answered->verdict);
    }

    void check(const Json& out, const Json& expected) {
        ++expectations_;
        const auto wrong = mismatches(expected, out);
        if (!wrong.empty()) ++unmet_;
        for (const auto& sentence : wrong) message(out, sentence);
    }

    void fail(Json& out, const std::string& error) {
        ++malformed_;
        out["error"] = error;
        print(out);
        message(out, error);
    }

    // A misspelt "expect" or "without" would go unnoticed; notes of the operator's own are welcome.
    void warn_of_unknown_fields(const Json& question) {
        static const std::set<std::string_view> kKnown = {
            "id", "in", "proto", "src", "sport", "dst", "dport", "with", "without", "expect"};
        for (const auto& [key, value] : question.items())
            if (!kKnown.contains(key) && warned_.insert(key).second)
                streams_.err << name_ << ":" << number_ << ": the field \"" << key
                             << "\" is not known and is ignored, here and below\n";
    }

    void message(const Json& out, const std::string& text) {
        streams_.err << name_ << ":" << number_ << ": ";
        if (!out["id"].is_null()) streams_.err << "id " << out["id"].dump() << ": ";
        streams_.err << text << '\n';
    }

    void print(const Json& out) {
        streams_.out << out.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    }

    PolicyCache& cache_;
    topology::FeatureSet features_;
    std::string name_;
    Streams& streams_;
    std::size_t number_ = 0;
    std::size_t expectations_ = 0;
    std::size_t unmet_ = 0;
    std::size_t malformed_ = 0;
    std::set<std::string> warned_;
};

}  // namespace

int run_batch(PolicyCache& cache, const topology::FeatureSet& features, std::istream& input,
              const std::string& name, Streams& streams) {
    Batch batch(cache, features, name, streams);
    for (std::string line; std::getline(input, line);) batch.line(line);
    return batch.finish();
}

}  // namespace portcullis::control::cli
