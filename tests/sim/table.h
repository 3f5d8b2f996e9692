#pragma once
// What came out, for people and for the script that makes docs/simulation.md. Both are the same in every run.

#include <string>
#include <vector>

#include "tests/sim/runner.h"

namespace weft::sim {

std::string Table(const std::vector<Report>& reports);
std::string Json(const std::vector<Report>& reports, const Options& options);

}  // namespace weft::sim
