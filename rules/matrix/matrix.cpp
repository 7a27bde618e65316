#include <algorithm>
#include <cstddef>

#include "rules/matrix/row.h"
#include "rules/matrix/tables.h"

namespace portcullis::matrix {

std::string_view to_string(Entity entity) {
    return kEntityNames[static_cast<std::size_t>(entity)];
}

std::span<const Row> rows() {
    return kRows;
}

const Row* find(std::string_view id) {
    const auto row = std::find_if(kRows.begin(), kRows.end(),
                                  [&](const Row& candidate) { return candidate.id == id; });
    return row == kRows.end() ? nullptr : &*row;
}

}  // namespace portcullis::matrix
