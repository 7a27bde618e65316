#include "control/cli/question.h"

#include <arpa/inet.h>

#include <charconv>

namespace portcullis::control::cli {

using namespace policy;

namespace {

// Of several interfaces with the zone, the one behind which the source lies.
std::optional<std::uint32_t> ingress_of(const Policy& policy, Zone zone, const IpAddress& source) {
    std::optional<std::uint32_t> first;
    const auto toward_source = route(policy, source);
    for (std::uint32_t i = 0; i < policy.interfaces.size(); ++i) {
        if (!policy.interfaces[i].zones.contains(zone)) continue;
        if (toward_source && toward_source->interface == i) return i;
        if (!first) first = i;
    }
    return first;
}

Json text_or_null(const std::optional<IpAddress>& address) {
    return address ? Json(address->to_string()) : Json();
}

Json number_or_null(const std::optional<std::uint16_t>& port) {
    return port ? Json(*port) : Json();
}

std::string quoted(std::string_view text) {
    return "'" + std::string(text) + "'";
}

}  // namespace

tl::expected<Answer, std::string> answer(const Policy& policy, const Question& question) {
    const auto ingress = ingress_of(policy, question.in, question.source);
    if (!ingress)
        return tl::make_unexpected("no interface of this topology has the zone " +
                                   quoted(to_string(question.in)));
    Answer result;
    result.ingress = *ingress;
    result.packet = {*ingress,
                     question.transport,
                     question.source,
                     question.destination,
                     question.source_port,
                     question.destination_port};
    result.verdict = match(policy, result.packet);
    if (!result.verdict.allow) return result;
    const auto& translated = result.verdict.translated;
    if (translated.destination)
        result.egress = route(policy, *translated.destination);
    else if (!translated.candidates.empty())
        result.egress = route(policy, translated.candidates.front());
    return result;
}

std::string reason(const Policy& policy, const Verdict& verdict) {
    if (verdict.allow) return policy.rules.at(verdict.rule).reason;
    const bool told = verdict.rule != kNoRule && !policy.rules.at(verdict.rule).reason.empty();
    return std::string(to_string(verdict.reason)) + ": " +
           (told ? policy.rules.at(verdict.rule).reason : std::string(explain(verdict.reason)));
}

Json to_json(const Policy& policy, const Verdict& verdict) {
    Json json;
    json["verdict"] = verdict.allow ? "allow" : "deny";
    json["nat"] = to_string(verdict.nat);
    json["translated"] = nullptr;
    if (verdict.allow) {
        Json translated;
        translated["src"] = text_or_null(verdict.translated.source);
        translated["sport"] = number_or_null(verdict.translated.source_port);
        translated["dst"] = text_or_null(verdict.translated.destination);
        translated["dport"] = number_or_null(verdict.translated.destination_port);
        translated["candidates"] = Json::array();
        for (const auto& candidate : verdict.translated.candidates)
            translated["candidates"].push_back(candidate.to_string());
        json["translated"] = std::move(translated);
    }
    json["rule"] = nullptr;
    json["rows"] = Json::array();
    if (verdict.rule != kNoRule) {
        const auto& rule = policy.rules.at(verdict.rule);
        json["rule"] = rule.id;
        if (verdict.allow) json["rows"] = rule.rows;
    }
    json["reason"] = reason(policy, verdict);
    json["conformance"] = nullptr;
    if (verdict.allow) {
        const auto held = policy.rules.at(verdict.rule).conformance;
        if (held != kNoConformance)
            json["conformance"] = to_json(policy, policy.conformance.at(held));
    }
    return json;
}

tl::expected<IpAddress, std::string> parse_host(std::string_view text) {
    if (const auto address = IpAddress::parse(text)) return *address;
    in6_addr bytes{};
    if (inet_pton(AF_INET6, std::string(text).c_str(), &bytes) == 1) return IpAddress();
    return tl::make_unexpected(quoted(text) + " is no IP address");
}

tl::expected<Endpoint, std::string> parse_endpoint(std::string_view text,
                                                   std::optional<std::uint16_t> default_port) {
    std::string_view host = text;
    std::optional<std::string_view> port;
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return tl::make_unexpected("a ']' is missing");
        host = text.substr(1, close - 1);
        const auto rest = text.substr(close + 1);
        if (rest.starts_with(':'))
            port = rest.substr(1);
        else if (!rest.empty())
            return tl::make_unexpected(quoted(text) + ": after ']' comes ':PORT'");
    } else if (const auto colon = text.find(':');
               colon != std::string_view::npos && colon == text.rfind(':')) {
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
    } else if (colon != std::string_view::npos && !default_port) {
        return tl::make_unexpected(quoted(text) + ": write an IPv6 address as [ADDRESS]:PORT");
    }
    const auto address = parse_host(host);
    if (!address) return tl::make_unexpected(address.error());
    if (!port) {
        if (!default_port) return tl::make_unexpected(quoted(text) + ": the port is missing");
        return Endpoint{*address, *default_port};
    }
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(port->data(), port->data() + port->size(), number);
    if (error != std::errc{} || end != port->data() + port->size())
        return tl::make_unexpected(quoted(*port) + " is no port (0-65535)");
    return Endpoint{*address, number};
}

tl::expected<Transport, std::string> parse_transport(std::string_view text) {
    for (const auto transport : {Transport::tcp, Transport::udp, Transport::icmp})
        if (text == to_string(transport)) return transport;
    return tl::make_unexpected("there is no protocol " + quoted(text) + "; tcp, udp or icmp");
}

}  // namespace portcullis::control::cli
