#include "controlplane/stream/shard.h"

#include <algorithm>
#include <unordered_set>

namespace weft::stream {

Stream* Shard::Find(std::uint64_t ticket) {
  const auto found = streams.find(ticket);
  return found == streams.end() ? nullptr : &found->second;
}

void Shard::Index(std::uint64_t ticket, const Session::Moves& moves) {
  for (const auto& [service, uses] : moves) {
    std::vector<std::uint64_t>& tickets = users[service];
    if (uses) {
      tickets.push_back(ticket);
      continue;
    }
    const auto found = std::find(tickets.begin(), tickets.end(), ticket);
    if (found != tickets.end()) {
      *found = tickets.back();
      tickets.pop_back();
    }
    if (tickets.empty()) users.erase(service);
  }
}

void Shard::NoteExpiry(const Session& session) {
  first_expiry_ms = std::min(first_expiry_ms, session.expires_unix_ms());
}

void Shard::Erase(std::uint64_t ticket) {
  Stream* const stream = Find(ticket);
  watched -= stream->Watched() ? 1 : 0;
  Index(ticket, stream->session.TakeMoves());
  Session::Moves left;
  for (ServiceKey& service : stream->session.Used()) left.emplace_back(std::move(service), false);
  Index(ticket, left);
  streams.erase(ticket);
}

Stream* Shard::FindNode(const std::string& node) {
  const auto ticket = by_node.find(node);
  return ticket == by_node.end() ? nullptr : Find(ticket->second);
}

void Shard::AddUsersOf(const std::vector<ServiceKey>& services, Outlets& out) const {
  std::unordered_set<std::uint64_t> seen;
  for (const ServiceKey& service : services) {
    const auto found = users.find(service);
    if (found == users.end()) continue;
    for (const std::uint64_t ticket : found->second) {
      if (services.size() > 1 && !seen.insert(ticket).second) continue;
      out.push_back(streams.at(ticket).outlet);
    }
  }
}

}  // namespace weft::stream
