// Linked in, every operator new of the program counts.
#pragma once

#include <cstddef>

namespace portcullis::inspect {

std::size_t allocations();

}  // namespace portcullis::inspect
