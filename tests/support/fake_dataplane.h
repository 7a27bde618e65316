// A data plane for control's tests: the peer link of rules/peer/messages.h with nothing behind it.
//
// It runs on a thread of its own, takes images as a real one would (seals, size, digest), keeps
// running and previous, and misbehaves where it is told to. Every public function may be called by
// any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "rules/peer/messages.h"

namespace portcullis::test {

class FakeDataplane {
  public:
    enum class OnLoad {
        accept,
        refuse,
        say_busy,
        lie,            // takes it, and reports another hash as running
        hang,           // takes nothing and never answers
        lose,           // takes nothing and closes the link
        take_and_lose,  // takes it and closes the link before the answer
    };

    explicit FakeDataplane(std::string path);
    ~FakeDataplane();
    FakeDataplane(const FakeDataplane&) = delete;
    FakeDataplane& operator=(const FakeDataplane&) = delete;

    void on_load(OnLoad behaviour);
    void mute(bool muted);  // answers nothing at all
    void run(const peer::Hash& running, const peer::Hash& previous = {});
    // Another process: closes the link, counts uptime anew, has what it read at its start.
    void restart(const peer::Hash& running);
    void stop_listening();
    void listen_again();
    void expire_confirmation();  // its time is over: rolls back
    void finish_confirmation();  // another has confirmed

    peer::Status status() const;
    unsigned loads() const;         // load_image requests that came
    std::string complaint() const;  // what was wrong with an image or a request; "" for nothing

    // What lists answer; `split`: in messages of at most so many records.
    void set_sessions(std::vector<peer::SessionRecord> records, std::uint32_t split);
    void set_rules(std::vector<peer::RuleRecord> records);
    void set_counters(std::vector<peer::CounterRecord> records);
    void set_interfaces(std::vector<peer::InterfaceRecord> records);
    void set_neighbours(std::vector<peer::NeighbourRecord> records);
    void set_nodes(std::vector<peer::NodeRecord> records);
    void set_signatures(std::vector<peer::SignatureRecord> records);
    void add_denies(std::vector<peer::DenyRecord> records);
    // Sent instead of the next answer to get_status, behind a right header.
    void answer_status_with(std::vector<std::byte> body);
    // The same for the next list.
    void answer_list_with(peer::Type type, std::vector<std::byte> body);
    peer::SessionQuery last_query() const;

  private:
    void serve();
    void serve_connection(int socket);  // one record
    void answer(int socket, const peer::Header& request, peer::Type type, const void* body,
                std::size_t bytes);
    template <class Record>
    void answer_list(int socket, const peer::Header& request, peer::Type type,
                     const std::vector<Record>& records, std::uint32_t split);
    void load(int socket, const peer::Header& header, const peer::LoadImage& request, int image);
    std::string judge(const peer::LoadImage& request, int image) const;
    void reply(int socket, const peer::Header& header, peer::Outcome outcome,
               const std::string& text);
    void roll_back();
    void open_listener();
    void close_connections();
    void wake();

    const std::string path_;
    mutable std::mutex mutex_;  // guards all below but thread_ and wake_
    int listener_ = -1;
    std::vector<int> connections_;
    bool stopping_ = false;
    OnLoad on_load_ = OnLoad::accept;
    bool muted_ = false;
    peer::Status status_;
    unsigned loads_ = 0;
    std::string complaint_;
    std::vector<std::byte> odd_status_;
    std::optional<std::pair<peer::Type, std::vector<std::byte>>> odd_list_;
    peer::SessionQuery query_;
    std::vector<peer::SessionRecord> sessions_;
    std::uint32_t sessions_split_ = 100;
    std::vector<peer::RuleRecord> rules_;
    std::vector<peer::CounterRecord> counters_;
    std::vector<peer::InterfaceRecord> interfaces_;
    std::vector<peer::NeighbourRecord> neighbours_;
    std::vector<peer::NodeRecord> nodes_;
    std::vector<peer::SignatureRecord> signatures_;
    std::vector<peer::DenyRecord> denies_;
    int wake_ = -1;
    std::thread thread_;
};

template <std::size_t N>
peer::Text<N> text(const char* from) {
    peer::Text<N> to{};
    for (std::size_t i = 0; i + 1 < N && from[i] != '\0'; ++i) to[i] = from[i];
    return to;
}

}  // namespace portcullis::test
