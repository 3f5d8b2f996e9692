#pragma once
// What a matched rule changes on its way: header filters, URL rewrite, redirect. Header filters insert views
// of the policy's own strings into a head, so that policy must outlive the head (a call holds its snapshot);
// what has to be composed is written into memory of the caller. Nothing here allocates. Thread rule: one
// worker.

#include <optional>
#include <span>
#include <string_view>

#include "agent/route/table.h"
#include "common/message/head.h"
#include "common/policy/route.h"

namespace weft::route {

// Rule's filter, then the backendRef's. Fields that frame the message or belong to one hop (Content-Length,
// Transfer-Encoding, Connection, …) are never touched; "host" means the authority. False: the head is full.
bool ApplyRequestFilters(const Decision& decision, message::RequestHead& head);
bool ApplyResponseFilters(const Decision& decision, message::ResponseHead& head);

// The target after the rule's URLRewrite, query kept: `target` itself when nothing changes, else a view into
// `memory`; nothing when it does not fit. ReplacePrefixMatch of a match that is no prefix changes nothing.
std::optional<std::string_view> RewriteTarget(const Decision& decision, std::string_view target,
                                              std::span<char> memory);
// The authority after the rule's URLRewrite.
std::string_view RewriteAuthority(const Decision& decision, std::string_view authority);

// The value of Location for the rule's redirect; `port` is the service port that was addressed. The port is
// left out when it is the scheme's own. Nothing when it does not fit.
std::optional<std::string_view> BuildLocation(const Decision& decision, const message::RequestHead& head,
                                              std::uint16_t port, std::span<char> memory);

}  // namespace weft::route
