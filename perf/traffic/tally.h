// Which of the packets of one direction have arrived: one bit for each sequence number, so that
// lost, doubled and reordered packets are told apart exactly, and so that the worst burst of losses
// is right also where several queues reorder.
#pragma once

#include <cstdint>
#include <vector>

namespace portcullis::traffic {

// A slice of the time of sending. What is lost counts where it was sent.
struct Window {
    std::uint32_t first = 0;  // sequence number
    std::uint32_t sent = 0;
    std::uint32_t received = 0;
    std::uint32_t unsent = 0;       // were due, and the device had no room
    std::uint32_t worst_burst = 0;  // packets lost in a row
    std::uint32_t latency = 0;      // the longest; units of the tag
};

class Tally {
  public:
    // Room for `packets`; more is taken as it is needed.
    void start(std::uint64_t packets);

    // The sequence number of the next packet to send.
    std::uint32_t next() const { return next_; }
    void on_sent(std::uint32_t count) { next_ += count; }
    void on_unsent(std::uint32_t count) {
        unsent_ += count;
        if (!windows_.empty()) windows_.back().unsent += count;
    }
    // False: never sent, or arrived before.
    bool on_arrival(std::uint32_t sequence, std::uint32_t latency) {
        if (sequence >= next_) return false;
        std::uint64_t& word = bits_[sequence / 64];
        const std::uint64_t bit = std::uint64_t{1} << sequence % 64;
        if ((word & bit) != 0) {
            ++doubled_;
            return false;
        }
        word |= bit;
        ++received_;
        if (!windows_.empty()) note_in_window(sequence, latency);
        return true;
    }
    // Before on_sent(count).
    void reserve(std::uint32_t count) {
        if (std::uint64_t{next_} + count > bits_.size() * 64) grow(std::uint64_t{next_} + count);
    }

    // From here on is measured; with a new window from here on.
    void mark() { measured_from_ = next_; }
    void open_window();

    // After the last packet has had its time to arrive. Losses are those since mark().
    void finish();
    std::uint64_t received() const { return received_; }
    std::uint64_t unsent() const { return unsent_; }
    std::uint64_t doubled() const { return doubled_; }
    std::uint64_t measured() const { return next_ - measured_from_; }
    std::uint64_t lost() const { return lost_; }
    std::uint32_t worst_burst() const { return worst_burst_; }
    const std::vector<Window>& windows() const { return windows_; }

  private:
    void grow(std::uint64_t packets);
    void note_in_window(std::uint32_t sequence, std::uint32_t latency);
    void on_lost_run(std::uint32_t first, std::uint32_t count);

    std::vector<std::uint64_t> bits_;
    std::uint32_t next_ = 0;
    std::uint32_t measured_from_ = 0;
    std::uint64_t received_ = 0, unsent_ = 0, doubled_ = 0, lost_ = 0;
    std::uint32_t worst_burst_ = 0;
    std::vector<Window> windows_;
    std::size_t arriving_ = 0;  // the window of the last arrival
};

}  // namespace portcullis::traffic
