#include "agent/accept/opening.h"

#include <utility>

namespace weft::accept {

using Kind = transport::IoResult::Kind;

Opening::Opening(connection::Io& io, connection::Handed client, Pending& pending, Options options)
    : io_(io), client_(std::move(client)), pending_(pending), options_(std::move(options)) {
  pending_.insert(this);
  timer_.Bind(
      io.loop.timers(),
      [](void* context, TimePoint) {
        auto* self = static_cast<Opening*>(context);
        self->End(self->client_.unread.empty() ? Opened::kSilent : Opened::kLate);
      },
      this);
}

void Opening::Start(connection::Io& io, connection::Handed client, Pending& pending, Options options) {
  auto* opening = new Opening(io, std::move(client), pending, std::move(options));  // until End
  const bool begun = !opening->client_.unread.empty();
  if (begun && opening->options_.examine(opening->client_.unread)) {
    opening->client_.transport->Detach();
    return opening->End(Opened::kExamined);
  }
  if (!opening->client_.transport->Attach(io.loop, *opening)) return opening->End(Opened::kLeft);
  opening->SetTimer(begun ? opening->options_.most : opening->options_.silence);
}

void Opening::SetTimer(Duration most) {
  timer_.Set(most > Duration::zero() ? io_.loop.now() + most : TimePoint::max());
}

void Opening::OnReady(bool readable, bool) {
  if (readable && client_.transport != nullptr) Read();
}

void Opening::Read() {
  while (true) {
    const transport::IoResult result = client_.transport->Read(io_.scratch.get(), connection::kScratchBytes);
    const bool begun = !client_.unread.empty();
    switch (result.kind) {
      case Kind::kWouldBlock: return;
      case Kind::kError: return End(Opened::kLeft);
      case Kind::kEnd: return End(begun ? Opened::kEnded : Opened::kLeft);
      case Kind::kOk: break;
    }
    client_.unread.append(io_.scratch.get(), result.bytes);
    if (options_.examine(client_.unread)) return End(Opened::kExamined);
    if (!begun) SetTimer(options_.most);
  }
}

void Opening::CloseAll(Pending& pending) {
  while (!pending.empty()) (*pending.begin())->End(Opened::kLeft);
}

void Opening::End(Opened how) {
  pending_.erase(this);
  timer_.Cancel();
  if (how == Opened::kLeft) {
    client_.transport->Close(false);
    client_.transport.reset();
  } else {
    client_.transport->Detach();
  }
  options_.opened(std::move(client_), how);
  io_.loop.Later([](void* self) { delete static_cast<Opening*>(self); }, this);
}

}  // namespace weft::accept
