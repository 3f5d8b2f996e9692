#pragma once
// What every verb gets: the server, where to print, and the options all verbs share.

#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

#include "common/result/result.h"
#include "controlplane/ctl/client.h"
#include "controlplane/ctl/table.h"

namespace weft::ctl {

enum class Format : unsigned char { kTable, kWide, kJson, kYaml, kDot, kName };

Result<Format> ParseFormat(std::string_view text);

// What the program ends with; `diff` has its own, as kubectl's.
struct ExitCodes {
  int success = 0, failure = 1;
};

struct Context {
  const Client& client;
  std::function<Client(const std::string& address)> connect;  // another server: an agent's admin port
  std::ostream& out;
  std::ostream& err;
  std::istream& in;
  std::int64_t now_unix_ms = 0;  // for ages
  std::function<void()> pause;   // between two looks at what is followed
  Format format = Format::kTable;
  std::string ns = "default";
  bool all_namespaces = false;
  bool one_namespace = false;  // -n was given, and not -A: for what is listed of the whole mesh otherwise
  std::string selector;        // "app=cart,tier!=db,zone in (a,b)": labels; empty: all
  std::string field_selector;  // "metadata.name=cart"; empty: all
  bool recursive = false;      // -R: folders with the folders in them
  std::string version;         // of this weftctl
  ExitCodes& exit;

  bool structured() const { return format == Format::kJson || format == Format::kYaml; }
};

// `path` (with or without a query) of the whole mesh, or of the one namespace that was asked for.
std::string OfMesh(const Context& context, std::string path);

// What a parsed command line does. An error is printed and makes the exit code 1.
using Action = std::function<Status(Context&)>;

// Prints a document as JSON or YAML, as the format says.
void PrintDocument(Context& context, const Json& document);

// Prints the items as one document (structured formats) or `table`; "No resources found …" when there are
// none.
void PrintList(Context& context, const std::vector<Json>& items, const Table& table, bool documents = false);

// "cart" or "shop/cart" -> namespace and name, the namespace from -n when it is not written.
struct NamespacedName {
  std::string ns, name;
};
NamespacedName SplitName(const Context& context, std::string_view text);

// "32s", "5m", "3h", "12d" between an RFC 3339 UTC time and now; "" when the text is no such time.
std::string Age(const Context& context, std::string_view rfc3339);
std::string AgeText(std::int64_t seconds);  // the same of a known age

// "?namespace=…&labelSelector=…&fieldSelector=…" of -n, -l and --field-selector; "" when nothing narrows the
// list.
std::string ListQuery(const Context& context, bool namespaced);

// The items of all pages of a list.
Result<std::vector<Json>> ListAll(const Context& context, const std::string& path, const std::string& query);

}  // namespace weft::ctl
