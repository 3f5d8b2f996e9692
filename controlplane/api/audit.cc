#include "controlplane/api/audit.h"

#include "common/log/log.h"

namespace weft::api {
namespace {

const Row& RowOf(Rpc rpc) {
  return *std::find_if(kTable.begin(), kTable.end(), [rpc](const Row& row) { return row.rpc == rpc; });
}

}  // namespace

void Audit(Rpc rpc, const auth::Principal& who, const std::string& subject, std::uint64_t revision,
           const std::string& error) {
  const Row& row = RowOf(rpc);
  log::Info("audit", {{"who", who.name},
                      {"role", auth::ToString(who.role)},
                      {"from", who.peer},
                      {"call", std::string(row.verb) + " " + std::string(row.path)},
                      {"subject", subject},
                      {"revision", revision},
                      {"outcome", error.empty() ? "done" : "refused"},
                      {"error", error}});
}

}  // namespace weft::api
