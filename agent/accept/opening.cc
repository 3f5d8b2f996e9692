#include "agent/accept/opening.h"

#include <utility>

#include "agent/detect/detect.h"

namespace weft::accept {

using Kind = transport::IoResult::Kind;

Opening::Opening(connection::Io& io, std::unique_ptr<transport::Transport> transport, Pending& pending,
                 Decided decided)
    : io_(io), transport_(std::move(transport)), pending_(pending), decided_(std::move(decided)) {
  pending_.insert(this);
  timer_.Bind(
      io.loop.timers(), [](void* self, TimePoint) { static_cast<Opening*>(self)->OnTimer(); }, this);
}

void Opening::Start(connection::Io& io, std::unique_ptr<transport::Transport> transport, Duration patience,
                    Duration most, Pending& pending, Decided decided) {
  auto* opening =
      new Opening(io, std::move(transport), pending, std::move(decided));  // until Decide or Close
  opening->silence_decides_ = patience > Duration::zero();
  if (!opening->transport_->Attach(io.loop, *opening)) return opening->Close();
  opening->timer_.Set(io.loop.now() + (opening->silence_decides_ ? patience : most));
}

void Opening::OnReady(bool readable, bool) {
  if (readable && transport_ != nullptr) Read();
}

void Opening::Read() {
  while (true) {
    const transport::IoResult result = transport_->Read(io_.scratch.get(), connection::kScratchBytes);
    if (result.kind == Kind::kWouldBlock) return;
    if (result.kind == Kind::kError || (result.kind == Kind::kEnd && first_.empty())) return Close();
    if (result.kind == Kind::kEnd) return Decide(false);
    first_.append(io_.scratch.get(), result.bytes);
    switch (detect::Detect(first_)) {
      case detect::Looks::kMore: break;
      case detect::Looks::kHttp1:
      case detect::Looks::kHttp2: return Decide(true);
      default: return Decide(false);
    }
  }
}

void Opening::OnTimer() {
  if (silence_decides_) return Decide(false);
  Close();
}

void Opening::CloseAll(Pending& pending) {
  while (!pending.empty()) (*pending.begin())->Close();
}

void Opening::Decide(bool http) {
  pending_.erase(this);
  timer_.Cancel();
  transport_->Detach();
  decided_(std::move(transport_), first_, http);
  io_.loop.Later([](void* self) { delete static_cast<Opening*>(self); }, this);
}

void Opening::Close() {
  pending_.erase(this);
  timer_.Cancel();
  transport_->Close(false);
  transport_.reset();
  decided_(nullptr, {}, false);
  io_.loop.Later([](void* self) { delete static_cast<Opening*>(self); }, this);
}

}  // namespace weft::accept
