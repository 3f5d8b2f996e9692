#pragma once
// The control plane's REST API (or an agent's admin port) as weftctl sees it: JSON in and out, and every
// failure as an Error whose text says what to change. How bytes travel is a Send, so tests need no socket.
// Thread rule: used by one thread.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "controlplane/ctl/yaml.h"

namespace weft::ctl {

struct Request {
  std::string method;
  std::string target;        // path and query, already escaped
  std::string body;          // empty: none
  std::string content_type;  // empty: no body
  std::function<bool(std::string_view)> on_data =
      nullptr;  // of a 2xx answer without end, as it comes; false: enough
};

struct Reply {
  unsigned status = 0;
  std::string body;
};

// What weftctl shows to a server, and whom it trusts.
struct Login {
  std::string token;          // empty: none
  std::string ca, cert, key;  // PEM files, of https servers; empty: the system's CAs, no certificate
  std::string server_name;    // that the server's certificate must have; empty: the host
};

using Send = std::function<Result<Reply>(const Request&)>;

// Percent-encodes one path segment or query value.
std::string Escape(std::string_view text);

class Client {
 public:
  Client(Send send, std::string server) : send_(std::move(send)), server_(std::move(server)) {}

  Result<Json> Get(std::string target) const { return Call({"GET", std::move(target), {}, {}, nullptr}); }
  Result<Json> Delete(std::string target) const {
    return Call({"DELETE", std::move(target), {}, {}, nullptr});
  }
  // The lines of a watch, one after the other, until it ends or `on_line` fails; its ERROR line is the error.
  Status Watch(std::string target, const std::function<Status(const Json&)>& on_line) const;
  Result<Json> Put(std::string target, const Json& body) const;
  Result<Json> Post(std::string target, std::string body, std::string content_type) const;

  const std::string& server() const { return server_; }

 private:
  Result<Json> Call(const Request& request) const;
  Result<Reply> Answered(const Request& request) const;  // 2xx only

  Send send_;
  std::string server_;  // for messages: "http://127.0.0.1:15014"
};

// The list of an answer: its first member that is one ("items", "services"), or the answer itself.
std::vector<Json> Items(const Json& answer);

// value[key] as text: strings as they are, numbers and booleans as JSON writes them, "" when absent or null.
std::string Text(const Json& value, std::string_view key);

}  // namespace weft::ctl
