// Results as JSON, one object a line; README.md describes the keys.
#pragma once

#include <nlohmann/json.hpp>

#include "perf/traffic/search.h"
#include "perf/traffic/trial.h"

namespace portcullis::traffic {

nlohmann::json to_json(const TrialPlan& plan, const TrialResult& result);
nlohmann::json to_json(const TrialPlan& plan, const SearchResult& result);

}  // namespace portcullis::traffic
