#pragma once
// The records of one worker in two rings capped in bytes: every request, and those that did not end in 2xx,
// so that a flood of good requests does not wash the bad ones away. The promise is "the last N". A record is
// written where it stays; finding and rendering are off the request path. Thread rule: one worker.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/decision/record.h"

namespace weft::decision {

// Entries of different sizes, the oldest overwritten.
class ByteRing {
 public:
  explicit ByteRing(std::size_t bytes) : bytes_(bytes / 8 * 8) {}
  // An entry larger than the ring is dropped. Memory is taken with the first entry.
  std::byte* Reserve(std::size_t size);
  // Newest last; stops when `visit` returns false.
  void ForEach(const std::function<bool(const std::byte*)>& visit) const;
  std::size_t entries() const { return entries_; }

 private:
  void DropOldest();

  std::size_t bytes_;
  std::vector<std::byte> data_;
  std::size_t tail_ = 0, head_ = 0, used_ = 0, entries_ = 0;
};

class Log {
 public:
  Log(std::size_t all_bytes, std::size_t bad_bytes) : all_(all_bytes), bad_(bad_bytes) {}

  // Where a record is to be written: all that points to memory here must be filled in, then Keep must follow.
  struct Space {
    Record* record = nullptr;  // null: it is larger than the ring and will not be kept
    Attempt* attempts = nullptr;
    Candidate* candidates = nullptr;
  };
  Space Make(std::size_t attempts, std::size_t candidates);
  void Keep(const Space& space);
  // The newest record of this request.
  std::optional<Whole> Find(std::string_view request_id) const;
  std::vector<Whole> Last(std::size_t most, bool only_bad) const;  // newest first
  // Those to a service ("namespace/name") that did not end in 2xx, newest first.
  std::vector<Whole> LastBadOf(std::string_view service, std::size_t most) const;
  Names& names() { return names_; }
  const Names& names() const { return names_; }
  std::uint64_t total() const { return total_; }

 private:
  ByteRing all_, bad_;
  Names names_;
  std::uint64_t total_ = 0;
};

// One JSON object. `wall_offset` is wall clock minus monotonic clock, to give `started` as a date; zero
// leaves it out.
std::string ToJson(const Whole& whole, const Names& names, Duration wall_offset);

}  // namespace weft::decision
