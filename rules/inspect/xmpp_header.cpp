#include "rules/inspect/xmpp_header.h"

#include <algorithm>
#include <string_view>

namespace portcullis::inspect {

namespace {

constexpr std::string_view kSpace = "\t\n\r ";

// Takes name and value of an attribute off `rest`: name, equals sign, a value in either kind of quotes.
enum class Taken : std::uint8_t { attribute, more, malformed };
Taken take_attribute(std::string_view& rest, std::string_view& name, std::string_view& value) {
    const auto skip_space = [&] {
        rest.remove_prefix(std::min(rest.find_first_not_of(kSpace), rest.size()));
    };
    const std::size_t end = rest.find_first_of("\t\n\r =<>\"'");
    if (end == std::string_view::npos) return Taken::more;
    if (end == 0) return Taken::malformed;
    name = rest.substr(0, end);
    rest.remove_prefix(end);
    skip_space();
    if (rest.empty()) return Taken::more;
    if (rest.front() != '=') return Taken::malformed;
    rest.remove_prefix(1);
    skip_space();
    if (rest.empty()) return Taken::more;
    const char quote = rest.front();
    if (quote != '"' && quote != '\'') return Taken::malformed;
    const std::size_t close = rest.find(quote, 1);
    value = rest.substr(1, std::min(close, rest.size()) - 1);
    if (value.find('<') != std::string_view::npos) return Taken::malformed;
    if (close == std::string_view::npos) return Taken::more;
    rest.remove_prefix(close + 1);
    return Taken::attribute;
}

}  // namespace

Judgement judge_xmpp_header(Bytes stream, std::uint32_t start) {
    const std::string_view all(reinterpret_cast<const char*>(stream.data()), stream.size());
    const auto more = Judgement::viable(static_cast<std::uint32_t>(all.size() + 1));
    std::string_view rest = all.substr(start);
    bool between_servers = false;
    while (true) {
        rest.remove_prefix(std::min(rest.find_first_not_of(kSpace), rest.size()));
        if (rest.empty()) return more;
        if (rest.front() == '>') break;
        std::string_view name;
        std::string_view value;
        switch (take_attribute(rest, name, value)) {
            case Taken::attribute:
                break;
            case Taken::more:
                return more;
            case Taken::malformed:
                return Judgement::violation(Violation::wrong_protocol);
        }
        if (name != "xmlns") continue;
        if (value != "jabber:server") return Judgement::violation(Violation::wrong_protocol);
        between_servers = true;
    }
    return between_servers
               ? Judgement::match(static_cast<std::uint32_t>(all.size() - rest.size() + 1))
               : Judgement::violation(Violation::wrong_protocol);
}

}  // namespace portcullis::inspect
