// Why there is no measurement: one sentence that says what to do. Thrown outside the loops that
// measure, caught in main.
#pragma once

#include <stdexcept>

namespace portcullis::traffic {

class Failure : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// SIGINT or SIGTERM came while nothing had been measured yet.
class Stopped : public std::runtime_error {
  public:
    Stopped() : std::runtime_error("stopped") {}
};

}  // namespace portcullis::traffic
