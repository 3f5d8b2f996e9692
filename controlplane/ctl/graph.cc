// weftctl edges and graph: who calls whom. `edges` is a table of edges with their numbers, as linkerd's with
// rates; `graph` draws the services as a tree, or for Graphviz (-o dot).
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>
#include <set>

#include "common/net/key.h"
#include "controlplane/ctl/flow.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

struct EdgesArgs {
  std::string from, to;
};

std::string PeerName(const Json& peer) { return ShortName(Text(peer, "namespace"), Text(peer, "name")); }

bool IsPeer(const Context& context, const Json& peer, const std::string& wanted) {
  if (wanted.empty()) return true;
  const NamespacedName name = SplitName(context, wanted);
  return Text(peer, "namespace") == name.ns && Text(peer, "name") == name.name;
}

std::string Words(const Json& list) {
  std::string text;
  for (const Json& word : list) text += (text.empty() ? "" : ",") + word.get<std::string>();
  return text;
}

std::vector<Json> EdgesOf(const Context& context, const Json& answer, const EdgesArgs& args) {
  std::vector<Json> edges;
  for (const Json& edge : answer.value("edges", Json::array())) {
    if (IsPeer(context, edge.value("from", Json::object()), args.from) &&
        IsPeer(context, edge.value("to", Json::object()), args.to))
      edges.push_back(edge);
  }
  return edges;
}

std::vector<Column> EdgeColumns(const Context& context) {
  std::vector<Column> columns = {{"SRC"}, {"DST"}, {"SRC_NS"}, {"DST_NS"}};
  for (const char* name : {"SUCCESS", "RPS", "LATENCY_P50", "LATENCY_P95", "LATENCY_P99"})
    columns.push_back({name, Align::kRight});
  if (context.format == Format::kWide)
    columns.insert(columns.end(),
                   {{"REQUESTS", Align::kRight}, {"FAILURES", Align::kRight}, {"RETRIES", Align::kRight}});
  columns.insert(columns.end(), {{"CIRCUIT"}, {"ISSUES"}});
  return columns;
}

std::vector<std::string> EdgeRow(const Context& context, const Json& edge) {
  const Json from = edge.value("from", Json::object()), to = edge.value("to", Json::object());
  std::vector<std::string> row = {Text(from, "name"),    Text(to, "name"),  Text(from, "namespace"),
                                  Text(to, "namespace"), SuccessText(edge), RateText(edge)};
  for (const char* key : {"p50Ms", "p95Ms", "p99Ms"}) row.push_back(LatencyText(edge, key));
  if (context.format == Format::kWide)
    row.insert(row.end(), {Text(edge, "requests"), Text(edge, "failures"), Text(edge, "retries")});
  row.push_back(Text(edge, "circuit"));
  row.push_back(Words(edge.value("issues", Json::array())));
  return row;
}

void PrintNone(Context& context) {
  context.err << "No edges: no agent reported requests in the last 15 minutes.\n";
}

Status RunEdges(Context& context, const EdgesArgs& args) {
  const Result<Json> answer = context.client.Get(OfMesh(context, "/api/v1/graph"));
  if (!answer) return answer.error();
  const std::vector<Json> edges = EdgesOf(context, *answer, args);
  Table table(EdgeColumns(context));
  for (const Json& edge : edges) table.Add(EdgeRow(context, edge));
  if (edges.empty() && !context.structured()) {
    PrintNone(context);
    return {};
  }
  PrintList(context, edges, table);
  return {};
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return out + "\"";
}

// "40.0rps 99.67% 7ms": rate, success, 95th percentile.
std::string EdgeLabel(const Json& edge) {
  const std::string success = SuccessText(edge);
  if (success.empty()) return RateText(edge) + " -";
  return RateText(edge) + " " + success + " " + LatencyText(edge, "p95Ms");
}

void PrintDot(Context& context, const Json& answer) {
  context.out << "digraph mesh {\n  rankdir=LR;\n  node [shape=box];\n";
  for (const Json& node : answer.value("nodes", Json::array())) {
    const std::string health = Text(node, "health");
    const std::string color = health == "unhealthy" ? "red" : health == "degraded" ? "orange" : "black";
    context.out << "  " << Quoted(PeerName(node)) << " [color=" << color
                << (node.value("client", false) ? ", shape=ellipse" : "") << "];\n";
  }
  for (const Json& edge : answer.value("edges", Json::array())) {
    const bool bad = !edge.value("issues", Json::array()).empty();
    context.out << "  " << Quoted(PeerName(edge.value("from", Json::object()))) << " -> "
                << Quoted(PeerName(edge.value("to", Json::object()))) << " [label=" << Quoted(EdgeLabel(edge))
                << ", color=" << (bad ? "red" : "black") << "];\n";
  }
  context.out << "}\n";
}

// One service and below it what it calls; what was shown already is only named.
class Tree {
 public:
  Tree(Context& context, const Json& answer) : context_(context) {
    for (const Json& edge : answer.value("edges", Json::array())) {
      calls_[PeerName(edge.value("from", Json::object()))].push_back(edge);
      called_.insert(PeerName(edge.value("to", Json::object())));
    }
    for (const Json& node : answer.value("nodes", Json::array())) nodes_[PeerName(node)] = node;
  }

  void Print() {
    for (const auto& [name, node] : nodes_) {
      if (!called_.contains(name)) Root(name);
    }
    for (const auto& [name, node] : nodes_) {
      if (!shown_.contains(name)) Root(name);  // of a circle
    }
  }

 private:
  void Root(const std::string& name) {
    context_.out << Described(name) << "\n";
    Below(name, "");
  }
  std::string Described(const std::string& name) const {
    const auto found = nodes_.find(name);
    if (found == nodes_.end() || Text(found->second, "health").empty()) return name;
    return name + " (" + Text(found->second, "health") + ", " + Text(found->second, "healthy") + "/" +
           Text(found->second, "instances") + ")";
  }
  void Below(const std::string& name, const std::string& indent) {
    if (!shown_.insert(name).second) return;
    const std::vector<Json>& edges = calls_[name];
    for (std::size_t i = 0; i < edges.size(); ++i) {
      const bool last = i + 1 == edges.size();
      const std::string to = PeerName(edges[i].value("to", Json::object())),
                        issues = Words(edges[i].value("issues", Json::array()));
      context_.out << indent << (last ? "└─ " : "├─ ") << Described(to) << "  " << EdgeLabel(edges[i])
                   << (issues.empty() ? "" : "  ! " + issues) << "\n";
      Below(to, indent + (last ? "   " : "│  "));
    }
  }

  Context& context_;
  std::map<std::string, std::vector<Json>> calls_;
  std::map<std::string, Json> nodes_;
  std::set<std::string> called_, shown_;
};

Status RunGraph(Context& context) {
  const Result<Json> answer = context.client.Get(OfMesh(context, "/api/v1/graph"));
  if (!answer) return answer.error();
  if (context.structured()) {
    PrintDocument(context, *answer);
  } else if (context.format == Format::kDot) {
    PrintDot(context, *answer);
  } else if (answer->value("edges", Json::array()).empty()) {
    PrintNone(context);
  } else {
    Tree(context, *answer).Print();
  }
  return {};
}

}  // namespace

void AddEdges(CLI::App& app, Action& action) {
  auto args = std::make_shared<EdgesArgs>();
  CLI::App* verb = app.add_subcommand("edges", "Print who calls whom, with success, rate and latency");
  verb->add_option("--from", args->from, "Only of this caller, [NAMESPACE/]NAME");
  verb->add_option("--to", args->to, "Only to this service, [NAMESPACE/]NAME");
  verb->callback([args, &action] { action = [args](Context& context) { return RunEdges(context, *args); }; });
}

void AddGraph(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("graph", "Draw who calls whom; -o dot for Graphviz");
  verb->callback([&action] { action = RunGraph; });
}

}  // namespace weft::ctl
