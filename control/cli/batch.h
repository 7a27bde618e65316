// `portcullis trace --batch`: one question a line in, one answer a line out, as JSON. Operators
// keep such files, with "expect" in each line, as tests of their policy. control/README.md has the
// fields.
#pragma once

#include <iosfwd>
#include <string>

#include "control/cli/command.h"
#include "control/cli/compiled.h"

namespace portcullis::control::cli {

// `name` is what messages call the input; `features` hold where a line switches none.
// Returns kNegative if a line was malformed or an expectation was not met, else kOk.
int run_batch(PolicyCache& cache, const topology::FeatureSet& features, std::istream& input,
              const std::string& name, Streams& streams);

}  // namespace portcullis::control::cli
