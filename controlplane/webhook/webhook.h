#pragma once
// The admission webhook: an HTTPS server whose certificate it keeps itself. Listens as soon as there is a
// certificate; until then, and while the API server is away, it tries again. Thread rule: made, started and
// stopped by one thread; it has two of its own.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <thread>

#include "common/http/server.h"
#include "controlplane/inject/inject.h"
#include "controlplane/webhook/keeper.h"
#include "controlplane/webhook/validate.h"

namespace weft::webhook {

struct Options {
  net::Address listen{net::Ip{}, 15017};
  KeeperOptions keeper;
  inject::Settings inject;
  Check check;  // of resources; empty: only what a document says by itself
  Duration look = std::chrono::seconds(30), retry = std::chrono::seconds(1);
};

struct Counts {
  std::uint64_t injected = 0, skipped = 0, refused = 0, malformed = 0;
  std::uint64_t allowed = 0, denied = 0;  // resources
};

class Webhook {
 public:
  Webhook(kube::Config config, Options options);
  ~Webhook();  // stops

  void Start();
  void Stop();
  std::uint16_t port() const { return port_.load(); }  // zero: it does not listen yet
  Counts counts() const;

 private:
  http::Response Answer(const http::Request& request);
  http::Response AnswerPod(const http::Request& request, bool enabled);
  http::Response AnswerResource(const http::Request& request);
  void Keep();
  Status Listen();

  const Options options_;
  const kube::Client client_;
  Keeper keeper_;
  boost::asio::io_context context_{1};
  std::unique_ptr<http::Server> server_;
  std::thread serving_, keeping_;
  std::atomic<std::uint16_t> port_{0};
  std::atomic<std::uint64_t> injected_{0}, skipped_{0}, refused_{0}, malformed_{0};
  std::atomic<std::uint64_t> allowed_{0}, denied_{0};
  std::mutex mutex_;  // guards stopping_
  std::condition_variable wake_;
  bool stopping_ = false;
};

}  // namespace weft::webhook
