#include "tests/unit/rules/matrix/opened.h"

#include <algorithm>
#include <span>
#include <string_view>

namespace portcullis::matrix {
namespace {

std::string spell(const policy::PortRange& range) {
    if (range.is_any()) return "any";
    if (range.first == range.last) return std::to_string(range.first);
    return std::to_string(range.first) + "-" + std::to_string(range.last);
}

std::string spell(std::string_view mark, std::span<const std::string_view> features) {
    std::string text;
    for (const std::string_view feature : features) {
        text += text.empty() ? mark : ",";
        text += feature;
    }
    return text;
}

void spell(const Opening& opening, Entity from, Entity to, Lines& lines) {
    for (const policy::Transport transport : opening.transports) {
        for (const policy::PortRange& range : opening.ports) {
            std::string line(to_string(from));
            line += " > ";
            line += to_string(to);
            line += transport == policy::Transport::tcp ? " tcp/" : " udp/";
            line += spell(range);
            if (!opening.source_ports.is_any()) line += " source/" + spell(opening.source_ports);
            line += spell(" all:", opening.all_of) + spell(" any:", opening.any_of);
            if (opening.snat) line += " snat";
            lines.push_back(line);
        }
    }
}

}  // namespace

Lines opened(Release release, std::initializer_list<Entity> targets) {
    Lines lines;
    for (const Row& row : rows()) {
        for (const Opening& opening : row.openings) {
            if (!(release == Release::lync_2010 ? opening.lync_2010 : opening.lync_2013)) continue;
            for (const Entity to : opening.to) {
                if (std::find(targets.begin(), targets.end(), to) == targets.end()) continue;
                for (const Entity from : opening.from) spell(opening, from, to, lines);
            }
        }
    }
    std::sort(lines.begin(), lines.end());
    return lines;
}

Lines sorted(Lines lines) {
    std::sort(lines.begin(), lines.end());
    return lines;
}

}  // namespace portcullis::matrix
