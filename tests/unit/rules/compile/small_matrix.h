// Rows made by hand, so that the compiler's tests do not change with the data. Whatever a row's
// spans refer to is kept alive here.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "rules/matrix/row.h"

namespace portcullis::compile::testing {

struct OpeningSpec {
    std::vector<matrix::Entity> from;
    std::vector<matrix::Entity> to;
    std::vector<policy::Transport> transports = {policy::Transport::tcp};
    std::vector<policy::PortRange> ports;
    policy::PortRange source_ports{};
    std::vector<std::string_view> any_of{};
    std::vector<std::string_view> all_of{};
    bool lync_2010 = true;
    bool lync_2013 = true;
    bool snat = false;
};

class SmallMatrix {
  public:
    SmallMatrix& add(std::string_view id, std::string_view application,
                     std::vector<OpeningSpec> openings) {
        specs_.push_back(std::move(openings));
        auto& made = openings_.emplace_back();
        for (const auto& spec : specs_.back())
            made.push_back({spec.from, spec.to, spec.transports, spec.ports, spec.source_ports,
                            spec.any_of, spec.all_of, spec.lync_2010, spec.lync_2013, spec.snat});
        matrix::Row row{};
        row.id = id;
        row.application = application;
        row.openings = made;
        rows_.push_back(row);
        return *this;
    }
    operator std::span<const matrix::Row>() const { return rows_; }

  private:
    std::deque<std::vector<OpeningSpec>> specs_;
    std::deque<std::vector<matrix::Opening>> openings_;
    std::vector<matrix::Row> rows_;
};

}  // namespace portcullis::compile::testing
