// What generate.py writes: the matrix as constant data. Only matrix.cpp reads it.
#pragma once

#include <span>
#include <string_view>

#include "rules/matrix/row.h"

namespace portcullis::matrix {

extern const std::span<const Row> kRows;                      // in the order of the documents
extern const std::span<const std::string_view> kEntityNames;  // in the order of the enum

}  // namespace portcullis::matrix
