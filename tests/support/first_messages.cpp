#include "tests/support/first_messages.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace portcullis {
namespace {

constexpr std::string_view kClasses = "# classes: ";

FirstMessage read(const std::filesystem::path& path) {
    const auto fail = [&](const std::string& what) {
        throw std::runtime_error(path.string() + ": " + what);
    };
    FirstMessage message;
    message.name = path.stem();
    std::ifstream file(path);
    std::string hex;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with(kClasses)) {
            std::istringstream words(line.substr(kClasses.size()));
            for (std::string word; words >> word;) {
                const auto protocol = policy::parse_protocol_class(word);
                if (!protocol) fail("there is no class " + word);
                message.classes.push_back(*protocol);
            }
        } else if (!line.starts_with("#")) {
            hex += line;
        }
    }
    if (message.classes.empty()) fail("no classes");
    if (hex.empty() || hex.size() % 2 != 0 ||
        hex.find_first_not_of("0123456789abcdef") != std::string::npos)
        fail("no bytes in hexadecimal");
    for (std::size_t at = 0; at < hex.size(); at += 2)
        message.bytes.push_back(
            static_cast<std::uint8_t>(std::stoul(hex.substr(at, 2), nullptr, 16)));
    return message;
}

}  // namespace

std::vector<FirstMessage> first_messages() {
    std::vector<FirstMessage> found;
    for (const auto& entry : std::filesystem::directory_iterator(FIRST_MESSAGES_DIR))
        if (entry.path().extension() == ".hex") found.push_back(read(entry.path()));
    if (found.empty()) throw std::runtime_error(FIRST_MESSAGES_DIR ": no messages");
    std::ranges::sort(found, {}, &FirstMessage::name);
    return found;
}

}  // namespace portcullis
