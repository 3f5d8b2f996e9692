#pragma once
// The head of a request as a recorded "start" line has it. Not for the request path.

#include <string>
#include <vector>

#include "agent/decision/text.h"
#include "common/message/head.h"

namespace weft::replay {

// The head's views point into `texts`, which must not be moved while the head is in use.
message::RequestHead ReadHead(const decision::LineReader& line, std::vector<std::string>& texts);

}  // namespace weft::replay
