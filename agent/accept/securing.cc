#include "agent/accept/securing.h"

#include <utility>

namespace weft::accept {

Securing::Securing(connection::Io& io, std::unique_ptr<transport::Transport> secured, Pending& pending,
                   Done done)
    : io_(io), secured_(std::move(secured)), pending_(pending), done_(std::move(done)) {
  pending_.insert(this);
  timer_.Bind(
      io.loop.timers(), [](void* self, TimePoint) { static_cast<Securing*>(self)->End(false); }, this);
}

void Securing::Start(connection::Io& io, std::unique_ptr<transport::Transport> secured, Duration most,
                     Pending& pending, Done done) {
  auto* self = new Securing(io, std::move(secured), pending, std::move(done));  // until End
  if (!self->secured_->Attach(io.loop, *self)) return self->End(false);
  self->timer_.Set(most > Duration::zero() ? io.loop.now() + most : TimePoint::max());
}

// The first event tells how the handshake went.
void Securing::OnReady(bool, bool) {
  if (secured_ != nullptr) End(!secured_->peer_identity().empty());
}

void Securing::CloseAll(Pending& pending) {
  while (!pending.empty()) (*pending.begin())->End(false);
}

void Securing::End(bool good) {
  pending_.erase(this);
  timer_.Cancel();
  if (good) {
    secured_->Detach();
  } else {
    secured_->Close(false);
    // It may be on the stack.
    io_.loop.Later([](void* gone) { delete static_cast<transport::Transport*>(gone); }, secured_.release());
  }
  done_(std::move(secured_));
  io_.loop.Later([](void* self) { delete static_cast<Securing*>(self); }, this);
}

}  // namespace weft::accept
