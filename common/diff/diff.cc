#include "common/diff/diff.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace weft::diff {
namespace {

constexpr std::ptrdiff_t kMostEdits = 1000;
constexpr std::size_t kContext = 3;

using Lines = std::vector<std::string_view>;

enum class Op : char { kKeep = ' ', kDrop = '-', kAdd = '+' };
struct Line {
  Op op;
  std::string_view text;  // with its newline
};

Lines Split(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t length = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return lines;
}

// How far each diagonal came after d edits; diagonal k is x - y, kept at index k + d.
using Front = std::vector<std::ptrdiff_t>;

std::ptrdiff_t FrontAt(const Front& front, std::ptrdiff_t d, std::ptrdiff_t k) {
  return front[static_cast<std::size_t>(k + d)];
}

// Whether the best way to diagonal k with d edits came from k + 1 (an added line) or from k - 1 (a dropped
// one).
bool CameByAdding(const Front& before, std::ptrdiff_t d, std::ptrdiff_t k) {
  return k == -d || (k != d && FrontAt(before, d - 1, k - 1) < FrontAt(before, d - 1, k + 1));
}

// The fronts of 0, 1, 2, … edits until both texts are used up; empty: too far apart.
std::vector<Front> Search(const Lines& a, const Lines& b) {
  const auto n = static_cast<std::ptrdiff_t>(a.size()), m = static_cast<std::ptrdiff_t>(b.size());
  std::vector<Front> fronts;
  for (std::ptrdiff_t d = 0; d <= std::min(n + m, kMostEdits); ++d) {
    Front front(static_cast<std::size_t>(2 * d + 1), -1);
    for (std::ptrdiff_t k = -d; k <= d; k += 2) {
      std::ptrdiff_t x = 0;
      if (d > 0 && CameByAdding(fronts.back(), d, k)) {
        x = FrontAt(fronts.back(), d - 1, k + 1);
      } else if (d > 0) {
        x = FrontAt(fronts.back(), d - 1, k - 1) + 1;
      }
      while (x < n && x - k < m && x - k >= 0 &&
             a[static_cast<std::size_t>(x)] == b[static_cast<std::size_t>(x - k)])
        ++x;
      front[static_cast<std::size_t>(k + d)] = x;
      if (x >= n && x - k >= m) {
        fronts.push_back(std::move(front));
        return fronts;
      }
    }
    fronts.push_back(std::move(front));
  }
  return {};
}

std::vector<Line> AllOutAllIn(const Lines& a, const Lines& b) {
  std::vector<Line> script;
  for (const std::string_view line : a) script.push_back({Op::kDrop, line});
  for (const std::string_view line : b) script.push_back({Op::kAdd, line});
  return script;
}

// Walks the fronts back from the end.
std::vector<Line> Script(const Lines& a, const Lines& b) {
  const std::vector<Front> fronts = Search(a, b);
  if (fronts.empty()) return AllOutAllIn(a, b);
  std::vector<Line> script;
  std::size_t x = a.size(), y = b.size();
  const auto keep_down_to = [&](std::size_t start_x, std::size_t start_y) {
    while (x > start_x && y > start_y) script.push_back({Op::kKeep, a[--x]}), --y;
  };
  for (auto d = static_cast<std::ptrdiff_t>(fronts.size()) - 1; d > 0; --d) {
    const std::ptrdiff_t k = static_cast<std::ptrdiff_t>(x) - static_cast<std::ptrdiff_t>(y);
    const Front& before = fronts[static_cast<std::size_t>(d - 1)];
    const bool added = CameByAdding(before, d, k);
    const auto start =
        static_cast<std::size_t>(FrontAt(before, d - 1, added ? k + 1 : k - 1)) + (added ? 0 : 1);
    keep_down_to(start, static_cast<std::size_t>(static_cast<std::ptrdiff_t>(start) - k));
    script.push_back(added ? Line{Op::kAdd, b[--y]} : Line{Op::kDrop, a[--x]});
  }
  keep_down_to(0, 0);
  std::reverse(script.begin(), script.end());
  return script;
}

std::string Range(std::size_t begin, std::size_t count) {
  const std::string first = std::to_string(count == 0 ? begin : begin + 1);
  return count == 1 ? first : first + "," + std::to_string(count);
}

void AppendHunk(const std::vector<Line>& script, std::size_t from, std::size_t to, std::size_t a_line,
                std::size_t b_line, std::string& out) {
  std::size_t dropped = 0, added = 0;
  for (std::size_t i = from; i < to; ++i) {
    dropped += script[i].op != Op::kAdd ? 1 : 0;
    added += script[i].op != Op::kDrop ? 1 : 0;
  }
  out += "@@ -" + Range(a_line, dropped) + " +" + Range(b_line, added) + " @@\n";
  for (std::size_t i = from; i < to; ++i) {
    out.push_back(static_cast<char>(script[i].op));
    out += script[i].text;
    if (!script[i].text.ends_with('\n')) out += "\n\\ No newline at end of file\n";
  }
}

}  // namespace

std::string Unified(std::string_view before, std::string_view after, const Names& names) {
  if (before == after) return {};
  const std::vector<Line> script = Script(Split(before), Split(after));
  std::string out = "--- " + std::string(names.before) + "\n+++ " + std::string(names.after) + "\n";
  std::size_t a_line = 0, b_line = 0, done = 0;
  const auto pass = [&](std::size_t to) {
    for (; done < to; ++done) {
      a_line += script[done].op != Op::kAdd ? 1 : 0;
      b_line += script[done].op != Op::kDrop ? 1 : 0;
    }
  };
  for (std::size_t i = 0; i < script.size(); ++i) {
    if (script[i].op == Op::kKeep) continue;
    const std::size_t from = std::max(done, i < kContext ? 0 : i - kContext);
    std::size_t last = i;  // the last change that is near enough to share the hunk
    for (std::size_t next = i + 1; next < script.size() && next <= last + 2 * kContext + 1; ++next) {
      if (script[next].op != Op::kKeep) last = next;
    }
    const std::size_t to = std::min(script.size(), last + 1 + kContext);
    pass(from);
    AppendHunk(script, from, to, a_line, b_line, out);
    pass(to);
    i = to - 1;
  }
  return out;
}

}  // namespace weft::diff
