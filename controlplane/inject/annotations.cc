#include "controlplane/inject/annotations.h"

#include <algorithm>
#include <charconv>

#include "common/net/address.h"
#include "common/net/key.h"
#include "common/net/port_range.h"

namespace weft::inject {
namespace {

constexpr std::string_view kPrefix = "weft.dev/";

Error Bad(std::string_view value, const std::string& must) {
  return Invalid("'" + std::string(value.substr(0, 80)) + "' must be " + must);
}

Status SetWish(std::string_view value, Wish& out) {
  if (value == "enabled" || value == "true") {
    out = Wish::kEnabled;
  } else if (value == "disabled" || value == "false") {
    out = Wish::kDisabled;
  } else {
    return Bad(value, "enabled or disabled");
  }
  return {};
}

// Keeps the text; checks each entry.
template <class T>
Status SetList(std::string_view value, std::string& out) {
  std::string kept;
  std::string_view rest = value;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    std::string_view word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
    while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
    if (word.empty()) continue;
    const Result<T> one = T::Parse(word);
    if (!one) return one.error();
    kept += (kept.empty() ? "" : ",") + one->ToString();
  }
  out = std::move(kept);
  return {};
}

// "100m", "0.5", "64Mi"; the API server knows the rest of the grammar.
Status SetQuantity(std::string_view value, std::string& out) {
  const std::size_t digits = std::min(value.find_first_not_of("0123456789."), value.size());
  const std::string_view unit = value.substr(digits);
  static constexpr std::string_view kUnits[] = {"", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti"};
  if (digits == 0 || value.front() == '.' ||
      std::find(std::begin(kUnits), std::end(kUnits), unit) == std::end(kUnits))
    return Bad(value, "a quantity: 100m, 0.5, 64Mi");
  out = value;
  return {};
}

Status SetLevel(std::string_view value, std::string& out) {
  static constexpr std::string_view kLevels[] = {"trace", "debug", "info", "warn", "error"};
  if (std::find(std::begin(kLevels), std::end(kLevels), value) == std::end(kLevels))
    return Bad(value, "trace, debug, info, warn or error");
  out = value;
  return {};
}

Status SetBool(std::string_view value, bool& out) {
  if (value != "true" && value != "false") return Bad(value, "true or false");
  out = value == "true";
  return {};
}

Status SetSeconds(std::string_view value, int& out) {
  int number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number < 1 || number > 3600)
    return Bad(value, "a whole number of seconds, 1 to 3600");
  out = number;
  return {};
}

Status SetService(std::string_view value, std::string& out) {
  if (!IsDnsLabel(value)) return Bad(value, "the name of a service in the pod's namespace");
  out = value;
  return {};
}

struct Row {
  std::string_view key;
  Status (*set)(std::string_view value, Annotations& out);
};

constexpr Row kRows[] = {
    {"inject", [](std::string_view v, Annotations& a) { return SetWish(v, a.inject); }},
    {"skip-inbound-ports",
     [](std::string_view v, Annotations& a) { return SetList<net::PortRange>(v, a.skip_inbound); }},
    {"skip-outbound-ports",
     [](std::string_view v, Annotations& a) { return SetList<net::PortRange>(v, a.skip_outbound); }},
    {"skip-subnets",
     [](std::string_view v, Annotations& a) { return SetList<net::Cidr>(v, a.skip_subnets); }},
    {"opaque-ports",
     [](std::string_view v, Annotations& a) { return SetList<net::PortRange>(v, a.opaque_ports); }},
    {"proxy-cpu-request",
     [](std::string_view v, Annotations& a) { return SetQuantity(v, a.resources.cpu_request); }},
    {"proxy-cpu-limit",
     [](std::string_view v, Annotations& a) { return SetQuantity(v, a.resources.cpu_limit); }},
    {"proxy-memory-request",
     [](std::string_view v, Annotations& a) { return SetQuantity(v, a.resources.memory_request); }},
    {"proxy-memory-limit",
     [](std::string_view v, Annotations& a) { return SetQuantity(v, a.resources.memory_limit); }},
    {"log-level", [](std::string_view v, Annotations& a) { return SetLevel(v, a.log_level); }},
    {"native-sidecar", [](std::string_view v, Annotations& a) { return SetBool(v, a.native_sidecar); }},
    {"drain-seconds", [](std::string_view v, Annotations& a) { return SetSeconds(v, a.drain_seconds); }},
    {"service", [](std::string_view v, Annotations& a) { return SetService(v, a.service); }},
    {"status", [](std::string_view, Annotations&) { return Status(); }},
};

std::string KnownKeys() {
  std::string out;
  for (const Row& row : kRows) {
    if (row.key != "status") out += (out.empty() ? "" : ", ") + std::string(row.key);
  }
  return out;
}

}  // namespace

Result<Annotations> ReadAnnotations(const Json& metadata, const Settings& settings) {
  Annotations out;
  out.resources = settings.resources;
  out.log_level = settings.log_level;
  out.native_sidecar = settings.native_sidecar;
  if (!metadata.is_object()) return out;
  // As a label `inject` also selects; the annotation, which comes last, wins.
  if (metadata.contains("labels") && metadata["labels"].is_object() && metadata["labels"].contains(kInject)) {
    const Json& label = metadata["labels"][std::string(kInject)];
    if (const Status set = SetWish(label.is_string() ? label.get<std::string>() : "", out.inject); !set)
      return Invalid(set.error().detail, "metadata.labels[" + std::string(kInject) + "]");
  }
  if (!metadata.contains("annotations") || !metadata["annotations"].is_object()) return out;
  for (const auto& [key, value] : metadata["annotations"].items()) {
    if (!key.starts_with(kPrefix)) continue;
    const auto row = std::find_if(
        std::begin(kRows), std::end(kRows),
        [&, name = std::string_view(key).substr(kPrefix.size())](const Row& one) { return one.key == name; });
    if (row == std::end(kRows)) {
      out.warnings.push_back("the annotation " + key + " is not known; weft.dev/ has " + KnownKeys());
      continue;
    }
    const std::string field = "metadata.annotations[" + key + "]";
    if (!value.is_string()) return Invalid("must be a string", field);
    if (const Status set = row->set(value.get_ref<const std::string&>(), out); !set)
      return Invalid(set.error().detail, field);
  }
  return out;
}

}  // namespace weft::inject
