#pragma once
// What a write did, as apply and rollback print it.

#include "common/resource/document.h"
#include "controlplane/ctl/context.h"

namespace weft::ctl {

// "httproute/cart configured" a line, the namespace where it is not -n's; warnings on standard error.
void PrintResults(Context& context, const Json& answer);

// The documents of files, each checked here first so that problems name their file and line: every problem is
// told on standard error, the error sums them up. Never empty.
Result<std::vector<resource::DocumentPtr>> CheckedDocuments(Context& context,
                                                            const std::vector<std::string>& paths);

// One YAML stream of them, for POST /api/v1/apply.
std::string BodyOf(const std::vector<resource::DocumentPtr>& documents);

// "  name        value", one of many below each other; nothing when there is no value.
void PrintField(std::ostream& out, std::string name, const std::string& value);

}  // namespace weft::ctl
