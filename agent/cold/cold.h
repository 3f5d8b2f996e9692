#pragma once
// The cold context as this folder needs it: one thread, its timers and clocks. Tests give one with a
// hand-driven clock; asio_cold.h runs on the program's io_context.

#include <functional>

#include "common/time/time.h"

namespace weft::cold {

class Cold {
 public:
  virtual ~Cold() = default;
  virtual void Post(std::function<void()> work) = 0;  // any thread; runs on the cold thread, in order
  virtual void After(Duration span, std::function<void()> work) = 0;  // cold thread only; not cancellable
  virtual TimePoint Now() const = 0;
  virtual WallTime WallNow() const = 0;
};

}  // namespace weft::cold
