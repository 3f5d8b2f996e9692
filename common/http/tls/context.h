#pragma once
// What TLS needs on either side: contexts made of PEM files. TLS 1.2 and 1.3. Thread rule: any thread.

#include <boost/asio/ssl/context.hpp>
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

// A server's identity, read again when one of its files changed; what cannot be used keeps the last good.
class Identity {
 public:
  static Result<std::shared_ptr<Identity>> Read(Files files);
  ContextPtr Now();

 private:
  Identity(Files files, ContextPtr context, std::string stamp)
      : files_(std::move(files)), context_(std::move(context)), stamp_(std::move(stamp)) {}

  const Files files_;
  std::mutex mutex_;  // guards the rest
  ContextPtr context_;
  std::string stamp_;
};

}  // namespace weft::http::tls
