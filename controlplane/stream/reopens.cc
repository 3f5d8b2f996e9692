#include "controlplane/stream/reopens.h"

namespace weft::stream {
namespace {

constexpr std::size_t kMostNodes = 4096;  // kept; more: old ones go

}  // namespace

Status Reopens::Admit(const std::string& node, TimePoint now) {
  if (nodes_.size() > kMostNodes)
    std::erase_if(nodes_, [&](const auto& entry) { return now - entry.second.since >= kReopenSpan; });
  Count& mine = nodes_[node];
  if (mine.opened == 0 || now - mine.since >= kReopenSpan) mine = {now, 0};
  if (++mine.opened <= kMaxReopens) return {};
  return Error{ErrorKind::kOverloaded,
               "the node '" + node +
                   "' opened more than 20 streams within 10 s; see why it loses them, and whether "
                   "another agent has the same node.id",
               "hello.node_id",
               {}};
}

}  // namespace weft::stream
