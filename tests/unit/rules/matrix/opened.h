// What the matrix opens, as lines of text that a test can list by hand.
//
// A line reads "from > to transport/port" with, where they apply, " source/range", " all:features",
// " any:features", " snat". Tests take EVERYTHING that one release opens toward some entities, so
// that a row too many fails them as surely as one too few.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "rules/matrix/row.h"

namespace portcullis::matrix {

enum class Release { lync_2010, lync_2013 };
using Lines = std::vector<std::string>;

// Every line that the release opens toward the entities, sorted.
Lines opened(Release release, std::initializer_list<Entity> targets);

Lines sorted(Lines lines);

}  // namespace portcullis::matrix
