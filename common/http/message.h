#pragma once
// Requests and responses of the REST and admin servers and of the client, as plain values. Never on the data
// path.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/net/address.h"
#include "common/result/result.h"
#include "common/time/time.h"

namespace weft::http {

using Fields = std::vector<std::pair<std::string, std::string>>;

// The first field of that name, whatever its case; empty when there is none.
std::string_view Find(const Fields& fields, std::string_view name);

struct Request {
  std::string method = "GET";
  std::string target = "/";  // as sent: path and query, not decoded
  Fields headers;
  std::string body;
  net::Address peer;                          // server: who asks
  std::string peer_uri = {}, peer_name = {};  // server: URI and common name of its verified certificate
  std::string peer_serial = {};               // its serial number, lower-case hex; empty: none was shown
  WallTime peer_from = {}, peer_until = {};   // when it begins and ends

  std::string_view Header(std::string_view name) const { return Find(headers, name); }
  std::string_view Path() const;                   // target without its query, not decoded
  std::string Query(std::string_view name) const;  // decoded; empty when absent
  bool HasQuery(std::string_view name) const;
  std::vector<std::string> QueryNames() const;  // decoded, in their order
};

// A body that is made while it is sent: a watch. The server asks for the next piece only when the one before
// was written, so a slow reader holds one piece and no more; one that does not take a piece within the
// request timeout is cut. Destroyed when the reader has gone or all was written.
class Stream {
 public:
  virtual ~Stream() = default;
  struct Piece {
    std::string bytes;  // empty: nothing yet
    bool last = false;
  };
  // Once, before Next. `wake` may be called from any thread, as often as one likes: there may be something
  // for Next.
  virtual void Start(std::function<void()> wake) = 0;
  virtual Piece Next() = 0;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::shared_ptr<Stream> stream =
      nullptr;          // instead of `body`; sent in chunks, then the connection is closed
  Fields headers = {};  // further ones; content-type and content-length are made by the server

  std::string_view Header(std::string_view name) const { return Find(headers, name); }
};

// "%2F" -> "/"; '+' stays. A broken escape is an error.
Result<std::string> PercentDecode(std::string_view text);
std::string PercentEncode(std::string_view text);  // everything but letters, digits and "-._~"

// The segments of a path, decoded: "/a/b%2Fc" -> {"a", "b/c"}. A broken escape or an empty segment is an
// error.
Result<std::vector<std::string>> PathSegments(std::string_view path);

Response Text(int status, std::string text);
// {"error": {"code", "message", "field"}}: the one error body of every REST and admin endpoint.
Response ErrorResponse(const Error& error);
int StatusOf(ErrorKind kind);
// What a client makes of an answer that is not 2xx: the error in its body, else one that quotes the status.
Error ErrorOf(const Response& response);

// Guards admin endpoints against DNS rebinding: the Host header must be an IP address or "localhost".
Status CheckHost(const Request& request);

}  // namespace weft::http
