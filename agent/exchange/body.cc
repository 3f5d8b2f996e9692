// The request body on its way: kept while the exchange may have to send it again, credited to the client as
// the first attempt that takes it does.

#include <utility>

#include "agent/exchange/exchange.h"

namespace weft::exchange {

void Exchange::OnRequestData(std::string_view data) {
  if (state_ == State::kDone) return;
  received_ += data.size();
  if (env_.BuffersFull()) return Overflow();
  const bool live = attempt_.live();
  for (Mirror* mirror : mirrors_) mirror->Data(data);
  if (keeping_) Keep(data);
  if (!live || state_ == State::kDone) return;
  Taken(attempt_.SendData(data));
  if (kept_.size() > kTeePerRequest) DropKept();
}

void Exchange::Keep(std::string_view data) {
  if (env_.tee_bytes + data.size() > kTeePerWorker) {
    if (attempt_.live()) return DropKept();
    attempt_.Cancel();
    return FailAttempt(engine::Outcome::kLocal, Reason::kMemoryLimit);
  }
  env_.tee_bytes += data.size();
  kept_.Append(data);
}

void Exchange::DropKept() {
  keeping_ = false;
  env_.tee_bytes -= kept_.size();
  kept_.Clear();
}

void Exchange::Taken(std::size_t bytes) {
  taken_ += bytes;
  if (taken_ <= credited_) return;
  if (client_ != nullptr) client_->Consumed(static_cast<std::size_t>(taken_ - credited_));
  credited_ = taken_;
}

void Exchange::SendKept() {
  constexpr int kMostPieces = 16;  // twice what can be kept
  iovec pieces[kMostPieces];
  const int count = kept_.Pieces(pieces, kMostPieces);
  for (int i = 0; i < count && attempt_.live(); ++i) {
    Taken(attempt_.SendData({static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len}));
  }
  if (!attempt_.live()) return;
  const bool repeats =
      origin_.direction == engine::Direction::kOutbound && call_.retry != nullptr && call_.retry->enabled;
  if (!repeats || kept_.size() > kTeePerRequest) DropKept();
  if (request_ended_) EndRequest();
}

void Exchange::OnRequestTrailers(const message::FieldList& trailers) {
  if (state_ == State::kDone) return;
  for (Mirror* mirror : mirrors_) mirror->Trailers(trailers);
  trailers_ = SaveFields(trailers, arena_);
}

void Exchange::OnRequestEnd() {
  request_ended_ = true;
  if (attempt_.live()) EndRequest();
  SendMirrors();
}

void Exchange::EndRequest() {
  if (request_sent_) return;
  request_sent_ = true;
  if (!trailers_.empty()) {
    LoadFields(trailers_, env_.io.trailers);
    attempt_.SendTrailers(env_.io.trailers);
  }
  if (attempt_.live()) attempt_.SendEnd();
}

// --- copies that the rule's RequestMirror filters ask for ---

void Exchange::BeginMirrors() {
  route::Decision chosen = decision();
  chosen.backend_ref = nullptr;  // its filters are for its own backend
  for (std::size_t i = 0; i < call_.rule->mirrors.size(); ++i) {
    if (!route::DrawMirror(*call_.rule, i, call_.number, env_.seed)) continue;
    if (!ComposeRequest(env_.outgoing, chosen)) return;
    env_.outgoing.fields.Remove(message::FieldId::kExpect);  // its body goes at once
    const BackendKey& to = call_.rule->mirrors[i].backend;
    if (Mirror* mirror = Mirror::Begin(env_, to, origin_, env_.outgoing, body_)) mirrors_.push_back(mirror);
  }
  if (mirrors_.empty()) return;
  constexpr int kMostPieces = 16;  // of a request that was held, what came meanwhile
  iovec pieces[kMostPieces];
  const int count = kept_.Pieces(pieces, kMostPieces);
  for (Mirror* mirror : mirrors_) {
    if (!trailers_.empty()) {
      LoadFields(trailers_, env_.io.trailers);
      mirror->Trailers(env_.io.trailers);
    }
    for (int i = 0; i < count; ++i)
      mirror->Data({static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len});
  }
  if (request_ended_ || body_.empty()) SendMirrors();
}

void Exchange::SendMirrors() {
  for (Mirror* mirror : std::exchange(mirrors_, {})) mirror->Send();
}

}  // namespace weft::exchange
