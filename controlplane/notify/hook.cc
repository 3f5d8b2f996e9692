#include "controlplane/notify/hook.h"

#include "common/http/tls/client.h"

namespace weft::notify {

Result<Notifier::Post> MakeHook(boost::asio::io_context& context, const std::string& url) {
  const Result<http::Url> parsed = http::ParseUrl(url);
  if (!parsed) return parsed.error();
  http::tls::ContextPtr trust;
  if (parsed->tls) {
    Result<http::tls::ContextPtr> made = http::tls::MakeClientContext(http::tls::Files{});
    if (!made) return made.error();
    trust = std::move(*made);
  }
  return Notifier::Post(
      [&context, to = *parsed, trust](const std::string& body, std::function<void(Status)> done) {
        http::Request request;
        request.method = "POST";
        request.target = to.target;
        request.headers = {{"Content-Type", "application/json"}};
        request.body = body;
        auto answered = [done = std::move(done)](const Result<http::Response>& response) {
          if (!response) return done(response.error());
          if (response->status >= 200 && response->status < 300) return done({});
          done(Error{ErrorKind::kUnavailable, "it answered " + std::to_string(response->status), {}, {}});
        };
        if (trust) return http::tls::CallAsync(context, trust, {}, to.where, request, std::move(answered));
        http::CallAsync(context, to.where, request, std::move(answered));
      });
}

}  // namespace weft::notify
