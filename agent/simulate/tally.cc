#include "agent/simulate/tally.h"

#include <algorithm>

namespace weft::simulate {
namespace {

void Line(std::string& text, std::string_view name, std::uint64_t value) {
  text += std::string(name) + ' ' + std::to_string(value) + '\n';
}

std::string CountsText(const Counts& c) {
  std::string text;
  for (const std::uint64_t n :
       {c.requests, c.good, c.bad, c.refused, c.attempts, c.retries, c.first_failed, c.rescued})
    text += ' ' + std::to_string(n);
  return text;
}

}  // namespace

Counts& Counts::operator+=(const Counts& o) {
  requests += o.requests, good += o.good, bad += o.bad, refused += o.refused;
  attempts += o.attempts, retries += o.retries, first_failed += o.first_failed, rescued += o.rescued;
  return *this;
}

Counts& Tally::SliceOf(TimePoint began) {
  const auto at = static_cast<std::size_t>((began - begin_) / kSlice);
  if (at >= slices_.size()) slices_.resize(at + 1);
  return slices_[at];
}

void Tally::Attempt(TimePoint request_began) {
  ++SliceOf(request_began).attempts;
  if (request_began >= measure_from) ++counts_.attempts;
}

void Tally::Finished(const End& end) {
  Counts one;
  one.requests = 1;
  const bool answered = end.reason == Reason::kOk;
  one.good = answered && end.status < 500;
  one.bad = !one.good;
  one.refused = !answered && end.attempts == 0;
  one.retries = end.attempts > 1 ? end.attempts - 1 : 0;
  one.first_failed = end.first_failed;
  one.rescued = end.first_failed && one.good == 1;
  SliceOf(end.began) += one;
  if (end.began < measure_from) return;
  counts_ += one;
  ++reasons_[end.reason];
  ++statuses_[end.status];
  const auto micros = static_cast<std::uint64_t>((end.ended - end.began).count() / 1000);
  times_.Add(micros);
  if (one.good == 1) good_times_.Add(micros);
}

Counts Tally::Between(TimePoint from, TimePoint to) const {
  Counts sum;
  const auto first = static_cast<std::size_t>(std::max<std::int64_t>(0, (from - begin_) / kSlice));
  const auto last =
      std::min(slices_.size(), static_cast<std::size_t>(std::max<std::int64_t>(0, (to - begin_) / kSlice)));
  for (std::size_t i = first; i < last; ++i) sum += slices_[i];
  return sum;
}

std::string Tally::Text() const {
  std::string text = "counts" + CountsText(counts_) + '\n';
  for (const auto& [reason, n] : reasons_) Line(text, ToString(reason), n);
  for (const auto& [status, n] : statuses_) Line(text, std::to_string(status), n);
  times_.ForEach(
      [&](std::uint32_t bucket, std::uint32_t n) { Line(text, "us " + std::to_string(bucket), n); });
  for (const Counts& slice : slices_) text += "slice" + CountsText(slice) + '\n';
  for (const Change& c : changes_) {
    text += std::to_string(Nanos(c.at)) + ' ' + std::to_string(c.client) + ' ' + c.who + ' ' + c.from + ' ' +
            c.to + ' ' + c.cause + '\n';
  }
  return text;
}

}  // namespace weft::simulate
