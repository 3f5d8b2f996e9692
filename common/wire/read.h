#pragma once
// The checking readers, message by message; internal to common/wire.

#include "common/policy/route.h"
#include "common/wire/check.h"
#include "weft/v1/bundle.pb.h"

namespace weft::wire {

ServiceKey ReadKey(const v1::ServiceKey& in, const Path& at, Check& check);
policy::Retry ReadRetry(const v1::Retry& in, const Path& at, Check& check);
policy::Timeouts ReadTimeouts(const v1::Timeouts& in, const Path& at, Check& check);
policy::FieldSource ReadSource(const v1::FieldSource& in, const Path& at, Check& check);
policy::ServicePolicy ReadPolicy(const v1::ServicePolicy& in, const Path& at, Check& check);
policy::Route ReadRoute(const v1::Route& in, const Path& at, Check& check);

}  // namespace weft::wire
