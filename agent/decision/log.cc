#include "agent/decision/log.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <type_traits>

namespace weft::decision {
namespace {

constexpr std::size_t kHeader = 8;  // size of the entry, a multiple of 8; kSkip: go on at the start
constexpr std::uint64_t kSkip = ~std::uint64_t{0};

std::uint64_t SizeAt(const std::byte* at) {
  std::uint64_t size = 0;
  std::memcpy(&size, at, sizeof size);
  return size;
}
void SetSize(std::byte* at, std::uint64_t size) { std::memcpy(at, &size, sizeof size); }

static_assert(std::is_trivially_copyable_v<Record> && std::is_trivially_copyable_v<Attempt> &&
              std::is_trivially_copyable_v<Candidate>);

std::size_t SizeOf(std::size_t attempts, std::size_t candidates) {
  return sizeof(Record) + attempts * sizeof(Attempt) + candidates * sizeof(Candidate);
}

Whole Read(const std::byte* from) {
  Whole whole;
  std::memcpy(&whole.record, from, sizeof(Record));
  from += sizeof(Record);
  std::memcpy(whole.attempts.data(), from, whole.record.attempts * sizeof(Attempt));
  from += whole.record.attempts * sizeof(Attempt);
  std::memcpy(whole.candidates.data(), from, whole.record.candidates * sizeof(Candidate));
  return whole;
}

}  // namespace

void ByteRing::DropOldest() {
  const std::uint64_t size = SizeAt(data_.data() + tail_);
  if (size == kSkip) {
    used_ -= data_.size() - tail_;
    tail_ = 0;
    return;
  }
  tail_ += size;
  used_ -= size;
  --entries_;
  if (tail_ == data_.size()) tail_ = 0;
}

std::byte* ByteRing::Reserve(std::size_t size) {
  const std::size_t whole = kHeader + (size + 7) / 8 * 8;
  if (whole > bytes_) return nullptr;
  if (data_.empty()) data_.resize(bytes_);
  if (data_.size() - head_ < whole) {
    // Clear the rest of the buffer, and mark it as skipped.
    while (used_ > 0 && tail_ >= head_) DropOldest();
    if (head_ < data_.size()) {
      SetSize(data_.data() + head_, kSkip);
      used_ += data_.size() - head_;
    }
    head_ = 0;
  }
  while (used_ > 0 && data_.size() - used_ < whole) DropOldest();
  if (used_ == 0) tail_ = head_ = 0;
  std::byte* at = data_.data() + head_;
  SetSize(at, whole);
  head_ += whole;
  if (head_ == data_.size()) head_ = 0;
  used_ += whole;
  ++entries_;
  return at + kHeader;
}

void ByteRing::ForEach(const std::function<bool(const std::byte*)>& visit) const {
  std::size_t at = tail_;
  for (std::size_t left = used_; left > 0;) {
    const std::uint64_t size = SizeAt(data_.data() + at);
    if (size == kSkip) {
      left -= data_.size() - at;
      at = 0;
      continue;
    }
    if (!visit(data_.data() + at + kHeader)) return;
    left -= size;
    at += size;
    if (at == data_.size()) at = 0;
  }
}

Log::Space Log::Make(std::size_t attempts, std::size_t candidates) {
  ++total_;
  std::byte* at = all_.Reserve(SizeOf(attempts, candidates));
  if (at == nullptr) return {};
  Space space;
  space.record = new (at) Record;
  space.record->attempts = static_cast<std::uint8_t>(attempts);
  space.record->candidates = static_cast<std::uint8_t>(candidates);
  space.attempts = new (at + sizeof(Record)) Attempt[attempts];
  space.candidates = new (at + sizeof(Record) + attempts * sizeof(Attempt)) Candidate[candidates];
  return space;
}

void Log::Keep(const Space& space) {
  if (space.record == nullptr || space.record->status / 100 == 2) return;
  const std::size_t size = SizeOf(space.record->attempts, space.record->candidates);
  if (std::byte* at = bad_.Reserve(size)) std::memcpy(at, space.record, size);
}

std::optional<Whole> Log::Find(std::string_view request_id) const {
  std::optional<Whole> found;
  const auto look = [&](const std::byte* at) {
    Record record;
    std::memcpy(&record, at, sizeof record);
    if (record.request_id() == request_id) found = Read(at);
    return true;
  };
  all_.ForEach(look);
  if (!found) bad_.ForEach(look);
  return found;
}

std::vector<Whole> Log::LastBadOf(std::string_view service, std::size_t most) const {
  std::vector<const std::byte*> found;
  bad_.ForEach([&](const std::byte* at) {
    Record record;
    std::memcpy(&record, at, sizeof record);
    if (names_.Text(record.service) == service) found.push_back(at);
    return true;
  });
  std::vector<Whole> last;
  for (auto at = found.rbegin(); at != found.rend() && last.size() < most; ++at) last.push_back(Read(*at));
  return last;
}

std::vector<Whole> Log::Last(std::size_t most, bool only_bad) const {
  const ByteRing& ring = only_bad ? bad_ : all_;
  std::size_t skip = ring.entries() > most ? ring.entries() - most : 0;
  std::vector<Whole> last;
  ring.ForEach([&](const std::byte* at) {
    if (skip > 0) {
      --skip;
    } else {
      last.push_back(Read(at));
    }
    return true;
  });
  std::reverse(last.begin(), last.end());
  return last;
}

}  // namespace weft::decision
