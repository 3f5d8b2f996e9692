#include "agent/connection/http2_tunnel.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/connection/http2_client.h"
#include "agent/connection/http2_server.h"

namespace weft::connection {

using transport::IoResult;

Http2Tunnel::Http2Tunnel(Io& io, const transport::Transport& over)
    : io_(io),
      in_(io.slab),
      local_(over.local()),
      peer_(over.peer()),
      identity_(over.peer_identity()),
      signal_(new Signal{this}) {}

Http2Tunnel::~Http2Tunnel() {
  signal_->to = nullptr;
  if (!signal_->scheduled) delete signal_;
}

Status Http2Tunnel::Attach(loop::EventLoop&, loop::Handler& handler) {
  handler_ = &handler;
  Wake();
  return {};
}

// Events of the stream come while its session receives or sends; whoever relays hears of them afterwards.
void Http2Tunnel::Wake() {
  if (handler_ == nullptr || signal_->scheduled) return;
  signal_->scheduled = true;
  io_.loop.Later(
      [](void* context) {
        auto* signal = static_cast<Signal*>(context);
        signal->scheduled = false;
        Http2Tunnel* const self = signal->to;
        if (self == nullptr) {
          delete signal;
        } else if (self->handler_ != nullptr) {
          self->handler_->OnReady(!self->in_.empty() || self->ended_ || self->gone_, true);
        }
      },
      signal_);
}

// --- from the stream ---

void Http2Tunnel::Received(std::string_view bytes) {
  in_.Append(bytes);
  Wake();
}

void Http2Tunnel::ReceivedEnd() {
  ended_ = true;
  Wake();
}

void Http2Tunnel::Taken(std::size_t bytes) {
  unsent_ -= std::min(bytes, unsent_);
  Wake();
}

void Http2Tunnel::Gone() {
  gone_ = true;
  Wake();
}

// --- as a transport ---

IoResult Http2Tunnel::Read(char* into, std::size_t most) {
  std::size_t done = 0;
  while (done < most && !in_.empty()) {
    const std::string_view piece = in_.Front().substr(0, most - done);
    std::memcpy(into + done, piece.data(), piece.size());
    done += piece.size();
    in_.Drop(piece.size());
  }
  if (done > 0) {
    if (!gone_) Credit(done);
    if (ended_ || gone_) Wake();  // there is more to hear of
    return {IoResult::Kind::kOk, done, 0};
  }
  if (ended_) return {IoResult::Kind::kEnd, 0, 0};
  if (gone_) return {IoResult::Kind::kError, 0, ECONNRESET};
  return {IoResult::Kind::kWouldBlock, 0, 0};
}

IoResult Http2Tunnel::Write(const iovec* pieces, int count) {
  if (gone_) return {IoResult::Kind::kError, 0, ECONNRESET};
  std::size_t done = 0;
  for (int i = 0; i < count && unsent_ < stream::kWindow; ++i) {
    const std::size_t size = std::min(pieces[i].iov_len, stream::kWindow - unsent_);
    unsent_ += size - Send({static_cast<const char*>(pieces[i].iov_base), size});
    done += size;
    if (size < pieces[i].iov_len) break;
  }
  return {done > 0 ? IoResult::Kind::kOk : IoResult::Kind::kWouldBlock, done, 0};
}

void Http2Tunnel::ShutdownWrite() {
  if (std::exchange(sent_end_, true) || gone_) return;
  SendEnd();
}

void Http2Tunnel::Close(bool reset) {
  handler_ = nullptr;
  if (std::exchange(gone_, true)) return;
  Leave(reset || !sent_end_ || !ended_);
}

// --- the two sides of an agent ---

std::size_t ServerTunnel::Send(std::string_view bytes) { return stream_.SendData(bytes); }
void ServerTunnel::SendEnd() { stream_.EndTunnel(); }
void ServerTunnel::Credit(std::size_t bytes) { stream_.Consumed(bytes); }
void ServerTunnel::Leave(bool cut) { stream_.LeaveTunnel(cut); }

std::size_t ClientTunnel::Send(std::string_view bytes) { return stream_.SendData(bytes); }
void ClientTunnel::SendEnd() { stream_.SendEnd(); }
void ClientTunnel::Credit(std::size_t bytes) { stream_.Consumed(bytes); }
void ClientTunnel::Leave(bool cut) { stream_.LeaveTunnel(cut); }

}  // namespace weft::connection
