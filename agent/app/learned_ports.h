#pragma once
// The memory of agent/detect on disk, beside the cache: what undeclared ports were found to speak is known
// after a restart too. Losing it costs one detection per port, so it is neither synced nor checked for age.
// Thread rule: Changed by any thread, the rest by the cold thread.

#include <atomic>
#include <memory>
#include <string>

#include "agent/cold/cold.h"
#include "agent/detect/learned.h"

namespace weft::app {

class LearnedPorts {
 public:
  // Empty: nothing is kept.
  LearnedPorts(cold::Cold& cold, std::string path) : cold_(cold), path_(std::move(path)) {}

  void Load(detect::Learned& learned);  // once; from now on changes are written to the file
  void Changed();                       // writes within a second
  void Write();                         // at once, if anything has changed

 private:
  cold::Cold& cold_;
  const std::string path_;
  detect::Learned* learned_ = nullptr;
  std::atomic<bool> dirty_{false};
  bool failing_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace weft::app
