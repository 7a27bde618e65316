// Messages of the peer link as bytes (rules/peer/messages.h).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "rules/peer/messages.h"

namespace portcullis::dataplane {

using Message = std::vector<std::byte>;

template <std::size_t N>
void set_text(peer::Text<N>& to, std::string_view text) {
    to.fill(0);
    std::copy_n(text.data(), std::min(text.size(), N - 1), to.data());
}

// A reply with one record as its body.
template <class Body>
Message make_message(peer::Type type, std::uint32_t sequence, const Body& body) {
    peer::Header header;
    header.type = type;
    header.sequence = sequence;
    header.body_bytes = sizeof body;
    Message message(sizeof header + sizeof body);
    std::memcpy(message.data(), &header, sizeof header);
    std::memcpy(message.data() + sizeof header, &body, sizeof body);
    return message;
}

// A list reply: as many messages as it needs, at least one.
template <class Record>
std::vector<Message> make_list(peer::Type type, std::uint32_t sequence,
                               std::span<const Record> records) {
    constexpr std::size_t kFixed = sizeof(peer::Header) + sizeof(peer::ListHeader);
    constexpr std::size_t kPerMessage = (peer::kMaxMessageBytes - kFixed) / sizeof(Record);
    std::vector<Message> messages;
    do {
        const auto part = records.first(std::min(records.size(), kPerMessage));
        records = records.subspan(part.size());
        peer::Header header;
        header.type = type;
        header.sequence = sequence;
        header.body_bytes =
            static_cast<std::uint32_t>(sizeof(peer::ListHeader) + part.size_bytes());
        const peer::ListHeader list = {.count = static_cast<std::uint32_t>(part.size()),
                                       .more = records.empty() ? 0U : 1U};
        Message& message = messages.emplace_back(kFixed + part.size_bytes());
        std::memcpy(message.data(), &header, sizeof header);
        std::memcpy(message.data() + sizeof header, &list, sizeof list);
        if (!part.empty()) std::memcpy(message.data() + kFixed, part.data(), part.size_bytes());
    } while (!records.empty());
    return messages;
}

}  // namespace portcullis::dataplane
