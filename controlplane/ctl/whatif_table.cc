#include "controlplane/ctl/whatif_table.h"

#include <cstdio>
#include <ostream>
#include <set>

namespace weft::ctl {
namespace {

using whatif::Count;
using whatif::Side;

std::string Difference(std::uint64_t before, std::uint64_t after) {
  if (before == after) return "0";
  return after > before ? "+" + std::to_string(after - before) : "-" + std::to_string(before - after);
}

std::uint64_t Microseconds(const Side& side, double percent) { return side.times.Percentile(percent); }

std::string MillisText(std::uint64_t us) {
  char text[40];
  std::snprintf(text, sizeof text, "%.1fms", static_cast<double>(us) / 1000);
  return text;
}

struct Line {
  std::string name;
  Count before, after;
};

std::vector<Line> Lines(const Side& before, const Side& after) {
  std::vector<Line> lines = {{"requests", before.requests, after.requests},
                             {"answered below 500", before.good, after.good},
                             {"refused unsent", before.refused, after.refused},
                             {"attempts", before.attempts, after.attempts},
                             {"retries", before.retries, after.retries},
                             {"attempts elsewhere", before.elsewhere, after.elsewhere},
                             {"ejections", before.ejected, after.ejected},
                             {"circuit opened", before.opened, after.opened}};
  std::set<Reason> reasons;
  for (const auto* side : {&before, &after}) {
    for (const auto& [reason, count] : side->failures) reasons.insert(reason);
  }
  const auto of = [](const Side& side, Reason reason) {
    const auto found = side.failures.find(reason);
    return found == side.failures.end() ? Count{} : found->second;
  };
  for (const Reason reason : reasons)
    lines.push_back({"reason " + std::string(ToString(reason)), of(before, reason), of(after, reason)});
  return lines;
}

Json ToJson(const Side& before, const Side& after) {
  Json json = Json::object();
  for (const Line& line : Lines(before, after)) {
    json["figures"].push_back({{"what", line.name},
                               {"recorded", line.before.all()},
                               {"simulated", line.after.all()},
                               {"exact", line.after.exact},
                               {"modelled", line.after.modelled}});
  }
  for (const double percent : {50.0, 99.0}) {
    json["latencyMs"]["p" + std::to_string(static_cast<int>(percent))] = {
        {"recorded", static_cast<double>(Microseconds(before, percent)) / 1000},
        {"simulated", static_cast<double>(Microseconds(after, percent)) / 1000},
        {"modelled", after.requests.modelled > 0}};
  }
  return json;
}

}  // namespace

void PrintWhatIf(Context& context, const Side& before, const Side& after) {
  if (context.structured()) return PrintDocument(context, ToJson(before, after));
  Table table({{"WHAT"},
               {"RECORDED", Align::kRight},
               {"SIMULATED", Align::kRight},
               {"DIFFERENCE", Align::kRight},
               {"EXACT", Align::kRight},
               {"MODELLED", Align::kRight}});
  for (const Line& line : Lines(before, after)) {
    table.Add({line.name, std::to_string(line.before.all()), std::to_string(line.after.all()),
               Difference(line.before.all(), line.after.all()), std::to_string(line.after.exact),
               std::to_string(line.after.modelled)});
  }
  const std::string kind = after.requests.modelled > 0 ? "modelled" : "exact";
  for (const double percent : {50.0, 99.0}) {
    const std::uint64_t was = Microseconds(before, percent), is = Microseconds(after, percent);
    table.Add({"p" + std::to_string(static_cast<int>(percent)) + " (" + kind + ")", MillisText(was),
               MillisText(is), (is >= was ? "+" : "-") + MillisText(is >= was ? is - was : was - is)});
  }
  context.out << table.Text();
  context.out << "\nexact: the outcome is the recorded one. modelled: an attempt went elsewhere and got what "
                 "the recorded attempt\n"
                 "there that began nearest in time got; ejections and openings count as modelled from the "
                 "first of these on.\n";
}

}  // namespace weft::ctl
