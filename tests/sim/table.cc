#include "tests/sim/table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace weft::sim {
namespace {

using OrderedJson = nlohmann::ordered_json;

std::string Number(double value) {
  char text[40];
  const double size = std::abs(value);
  const int places = size == std::floor(size) ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3;
  std::snprintf(text, sizeof text, "%.*f", places, value);
  return text;
}

std::string WithUnit(double value, const std::string& unit) {
  return Number(value) + (unit.empty() ? "" : " " + unit);
}

std::string IntervalText(const Judged& judged) {
  if (judged.verdict == Verdict::kNotBuilt) return "-";
  const Interval& i = judged.interval;
  std::string text = WithUnit(i.mean, judged.criterion->unit);
  if (judged.criterion->over == Over::kMean && i.low != i.high)
    text += " (" + Number(i.low) + ".." + Number(i.high) + ")";
  if (judged.criterion->over == Over::kSum) text += " in all";
  if (judged.criterion->over == Over::kWorst) text += " at worst";
  return text;
}

std::string Beside(const Report& report, const Judged& judged) {
  std::string text;
  if (judged.criterion->figure.name.empty()) return text;
  for (const std::string& variant : report.scenario->variants) {
    if (variant == kWeft) continue;
    const Interval i = FigureOf(report, variant, judged.criterion->figure.name);
    const double scale =
        judged.criterion->over == Over::kSum ? static_cast<double>(report.results.at(variant).size()) : 1;
    text += (text.empty() ? "" : ", ") + variant + " " + Number(i.mean * scale);
  }
  return text;
}

std::string LimitText(const Criterion& c) {
  if (!c.missing.empty()) return "";
  return (c.bound == Bound::kAtLeast ? ">= " : "<= ") + WithUnit(c.limit, c.unit);
}

using Row = std::vector<std::string>;

std::string Aligned(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return text;
}

OrderedJson IntervalJson(const Interval& i) { return {{"mean", i.mean}, {"low", i.low}, {"high", i.high}}; }

OrderedJson CriterionJson(const Report& report, const Judged& judged) {
  const Criterion& c = *judged.criterion;
  OrderedJson json = {{"text", c.text}, {"limit", LimitText(c)}, {"verdict", ToString(judged.verdict)}};
  json["figure"] = IntervalText(judged);
  json["beside"] = Beside(report, judged);
  if (!c.missing.empty()) json["missing"] = c.missing;
  if (!c.note.empty()) json["note"] = c.note;
  return json;
}

OrderedJson ReportJson(const Report& report) {
  const Scenario& s = *report.scenario;
  OrderedJson json = {{"id", s.id}, {"title", s.title}, {"text", s.text}, {"variants", s.variants}};
  json["shown"] = OrderedJson::array();
  for (const Shown& shown : s.shown) {
    OrderedJson row = {{"figure", shown.figure}, {"unit", shown.unit}, {"values", OrderedJson::object()}};
    for (const std::string& variant : s.variants)
      row["values"][variant] = IntervalJson(FigureOf(report, variant, shown.figure));
    json["shown"].push_back(row);
  }
  json["criteria"] = OrderedJson::array();
  for (const Judged& judged : report.judged) json["criteria"].push_back(CriterionJson(report, judged));
  json["charts"] = OrderedJson::array();
  for (const Chart& chart : s.charts) {
    OrderedJson drawn = {{"series", chart.series},
                         {"title", chart.title},
                         {"x", chart.x},
                         {"y", chart.y},
                         {"at", chart.at},
                         {"logarithmic", chart.logarithmic},
                         {"lines", OrderedJson::object()}};
    for (const std::string& variant : s.variants) {
      const auto& series = report.results.at(variant).front().series;
      if (const auto found = series.find(chart.series); found != series.end())
        drawn["lines"][variant] = found->second;
    }
    json["charts"].push_back(drawn);
  }
  json["events"] = report.events;
  return json;
}

}  // namespace

std::string Table(const std::vector<Report>& reports) {
  std::vector<Row> rows = {{"SCENARIO", "CRITERION", "LIMIT", "FIGURE (95 %)", "VERDICT", "OTHERS"}};
  for (const Report& report : reports) {
    for (const Judged& judged : report.judged) {
      const Criterion& c = *judged.criterion;
      rows.push_back({report.scenario->id, c.text, LimitText(c), IntervalText(judged),
                      ToString(judged.verdict),
                      c.missing.empty() ? Beside(report, judged) : "needs " + c.missing});
    }
  }
  return Aligned(rows);
}

std::string Json(const std::vector<Report>& reports, const Options& options) {
  OrderedJson json = {
      {"seeds", options.seeds}, {"quick", options.quick}, {"scenarios", OrderedJson::array()}};
  for (const Report& report : reports) json["scenarios"].push_back(ReportJson(report));
  return json.dump(1) + "\n";
}

}  // namespace weft::sim
