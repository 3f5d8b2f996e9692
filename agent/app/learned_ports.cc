#include "agent/app/learned_ports.h"

#include <fstream>
#include <iterator>

#include "agent/app/ports.h"
#include "common/log/log.h"

namespace weft::app {

void LearnedPorts::Load(detect::Learned& learned) {
  learned_ = &learned;
  if (path_.empty()) return;
  std::ifstream file(path_, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (const Status read = learned.Load(text); !read)
    log::Warn("learned ports: " + path_ + ": " + read.error().Text() + "; it is left out");
}

void LearnedPorts::Changed() {
  if (path_.empty() || dirty_.exchange(true)) return;
  cold_.Post([this, guard = std::weak_ptr<bool>(alive_)] {
    if (guard.expired()) return;
    cold_.After(std::chrono::seconds(1), [this, guard] {
      if (!guard.expired()) Write();
    });
  });
}

void LearnedPorts::Write() {
  if (learned_ == nullptr || !dirty_.exchange(false)) return;
  const Status written = ReplaceFile(path_, learned_->Text(), "cache.path");
  if (!written && !failing_) log::Warn("learned ports are not remembered: " + written.error().Text());
  failing_ = !written;
}

}  // namespace weft::app
