#include "controlplane/webhook/webhook.h"

#include "common/http/tls/server.h"
#include "common/log/log.h"
#include "controlplane/webhook/review.h"

namespace weft::webhook {

Webhook::Webhook(kube::Config config, Options options)
    : options_(std::move(options)), client_(std::move(config)), keeper_(client_, options_.keeper) {}

Webhook::~Webhook() { Stop(); }

Counts Webhook::counts() const { return {injected_, skipped_, refused_, malformed_, allowed_, denied_}; }

http::Response Webhook::Answer(const http::Request& request) {
  const std::string_view path = request.Path();
  if (path == "/healthz") return http::Text(200, "ok\n");
  if (path == "/validate") return AnswerResource(request);
  if (path != "/inject/namespace" && path != "/inject/pod")
    return http::ErrorResponse(
        {ErrorKind::kNotFound, "there is /inject/namespace, /inject/pod, /validate and /healthz", {}, {}});
  return AnswerPod(request, path == "/inject/namespace");
}

http::Response Webhook::AnswerResource(const http::Request& request) {
  const auto reviewed = Validate(request.body, options_.check);
  if (!reviewed) {
    ++malformed_;
    return http::ErrorResponse(reviewed.error());
  }
  const bool denied = reviewed->outcome == "refused";
  ++(denied ? denied_ : allowed_);
  if (denied) log::Info("resource refused", {{"resource", reviewed->subject}, {"reason", reviewed->reason}});
  return {200, "application/json", reviewed->body};
}

http::Response Webhook::AnswerPod(const http::Request& request, bool enabled) {
  const auto reviewed = Review(request.body, enabled, options_.inject);
  if (!reviewed) {
    ++malformed_;
    return http::ErrorResponse(reviewed.error());
  }
  ++(reviewed->outcome == "injected" ? injected_ : reviewed->outcome == "refused" ? refused_ : skipped_);
  log::Info("pod " + reviewed->outcome, {{"pod", reviewed->subject}, {"reason", reviewed->reason}});
  return {200, "application/json", reviewed->body};
}

Status Webhook::Listen() {
  auto identity = http::tls::Identity::Of([this] { return keeper_.Now(); });
  if (!identity) return identity.error();
  auto server =
      http::tls::Listen(context_, options_.listen,
                        http::Deferred([this](const http::Request& request) { return Answer(request); }), {},
                        std::move(*identity));
  if (!server) return server.error();
  server_ = std::move(*server);
  port_ = server_->address().port;
  log::Info("webhook", {{"address", server_->address().ToString()}});
  serving_ = std::thread([this] { context_.run(); });
  return {};
}

void Webhook::Keep() {
  std::string said;
  while (true) {
    Status done = keeper_.Turn(ReadWallClock());
    if (server_ == nullptr && keeper_.Now() != nullptr) {
      if (const Status listening = Listen(); !listening) done = listening;
    }
    const std::string problem = done ? "" : done.error().Text();
    if (!done && problem != said)
      log::Warn("the webhook's certificate cannot be kept; what there was stays", {{"error", problem}});
    if (done && !said.empty()) log::Info("the webhook's certificate is kept again");
    said = problem;
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, done ? options_.look : options_.retry, [this] { return stopping_; })) return;
  }
}

void Webhook::Start() {
  keeping_ = std::thread([this] { Keep(); });
}

void Webhook::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (keeping_.joinable()) keeping_.join();
  if (server_ != nullptr) server_->Stop();
  if (serving_.joinable()) {  // what runs may end
    context_.stop();
    serving_.join();
  }
  server_.reset();
}

}  // namespace weft::webhook
