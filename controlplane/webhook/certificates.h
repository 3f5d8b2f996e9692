#pragma once
// The webhook server's own CA and certificate, as they are kept in a Secret, and when they are made anew. A
// new CA is shown to the API server (caBundle) from the day it is made, but certifies only the next
// certificate, so that nobody meets a certificate of a CA that he does not know. Thread rule: pure; nothing
// here reads a clock.

#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/time/time.h"

namespace weft::webhook {

struct Material {
  std::string ca;      // PEM: the newest CA first, then older ones that have not expired
  std::string ca_key;  // of the newest
  std::string cert, key;
};

struct Spans {
  Duration leaf = std::chrono::hours(24 * 30);
  Duration ca = std::chrono::hours(24 * 365 * 5);
};

// Makes what is missing, unusable or has less than a third of its life left. True: something was made.
Result<bool> Renew(Material& material, const std::vector<std::string>& names, const Spans& spans,
                   WallTime now);

}  // namespace weft::webhook
