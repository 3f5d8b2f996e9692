#include "agent/detect/learned.h"

namespace weft::detect {
namespace {

constexpr std::string_view kServer = "server-first ", kClient = "client-first ";

}  // namespace

Speaks Learned::Find(const std::string& port) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(port);
  if (found == index_.end()) return Speaks::kUnknown;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->speaks;
}

void Learned::Learn(const std::string& port, Speaks speaks) {
  {
    const std::lock_guard lock(mutex_);
    if (!Put(port, speaks)) return;
  }
  if (changed_) changed_();
}

// False: it was known.
bool Learned::Put(const std::string& port, Speaks speaks) {
  const auto found = index_.find(port);
  if (found != index_.end()) {
    if (found->second->speaks == speaks) return false;
    entries_.erase(found->second);
    index_.erase(found);
  } else if (speaks == Speaks::kUnknown) {
    return false;
  }
  if (speaks == Speaks::kUnknown) return true;
  entries_.push_front({port, speaks});
  index_[port] = entries_.begin();
  if (entries_.size() <= kMost) return true;
  index_.erase(entries_.back().port);
  entries_.pop_back();
  return true;
}

std::string Learned::Text() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const Entry& entry : entries_) {
    text.append(entry.speaks == Speaks::kServerFirst ? kServer : kClient).append(entry.port).append("\n");
  }
  return text;
}

Status Learned::Load(std::string_view text) {
  const std::lock_guard lock(mutex_);
  Status status;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const bool server = line.starts_with(kServer);
    const std::string port(line.substr(std::min(line.size(), server ? kServer.size() : kClient.size())));
    const bool good = (server || line.starts_with(kClient)) && !port.empty() && port.size() <= 512 &&
                      port.find_first_of(" \t\r") == std::string::npos;
    if (!good && status) {
      status = Invalid("line " + std::to_string(number) +
                       " is neither \"server-first PORT\" nor \"client-first PORT\"");
    }
    if (!good || index_.contains(port) || entries_.size() >= kMost) continue;
    entries_.push_back({port, server ? Speaks::kServerFirst : Speaks::kClientFirst});
    index_[port] = std::prev(entries_.end());
  }
  return status;
}

}  // namespace weft::detect
