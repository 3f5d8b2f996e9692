#pragma once
// What recorded traffic met, and what it would have met under another policy.

#include "agent/whatif/whatif.h"
#include "controlplane/ctl/context.h"

namespace weft::ctl {

void PrintWhatIf(Context& context, const whatif::Side& before, const whatif::Side& after);

}  // namespace weft::ctl
