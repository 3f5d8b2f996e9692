#pragma once
// What TLS needs on either side: contexts made of PEM files. TLS 1.2 and 1.3. Thread rule: any thread.

#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "common/result/result.h"

namespace weft::http::tls {

using Context = boost::asio::ssl::context;
using ContextPtr = std::shared_ptr<Context>;

struct Files {
  std::string cert, key;  // PEM; of a client both may be empty
  std::string ca;  // PEM; of a server: asks for client certificates, which are verified; empty: does not
};

// The error names the file and what is wrong with it.
Result<ContextPtr> MakeServerContext(const Files& files);
Result<ContextPtr> MakeClientContext(
    const Files& files);  // the server is verified, by the system's CAs without `ca`

// The same in memory.
struct Pem {
  std::string chain, key;
  std::string ca;  // empty: client certificates are not asked for
};
Result<ContextPtr> MakeServerContext(const Pem& pem);
// `chain` and `key` may be empty; without `ca` the system's CAs count.
Result<ContextPtr> MakeClientContext(const Pem& pem);

// What a server shows and trusts, asked for each connection.
class Identity {
 public:
  virtual ~Identity() = default;
  virtual ContextPtr Now() = 0;

  // Read again when one of the files changed; what cannot be used keeps the last good.
  static Result<std::shared_ptr<Identity>> Read(Files files);
  // Asked for each connection, and taken up when the answer is another object than before; likewise.
  static Result<std::shared_ptr<Identity>> Of(std::function<std::shared_ptr<const Pem>()> source);
};

}  // namespace weft::http::tls
