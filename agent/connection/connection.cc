#include "agent/connection/connection.h"

#include <algorithm>
#include <array>

namespace weft::connection {
namespace {

using Kind = transport::IoResult::Kind;

constexpr std::size_t kCopyBelow = 4096;  // smaller payloads are copied and leave at the end of the turn
constexpr std::size_t kKeptStep = 4096;   // how much is read at a time behind kept bytes
constexpr int kMostPieces = 16;

}  // namespace

Connection::Connection(Io& io, std::unique_ptr<transport::Transport> transport)
    : io_(io), transport_(std::move(transport)), out_(io.slab) {}

void Connection::Destroy(bool reset) {
  if (!open()) return;
  transport_->Close(reset);
  transport_.reset();
  out_.Clear();
  StopReading();
  io_.loop.Later([](void* self) { delete static_cast<Connection*>(self); }, this);
}

Handed Connection::Release() {
  transport_->Detach();
  Handed out{std::move(transport_), std::move(kept_), {}};
  for (; !out_.empty(); out_.Drop(out_.Front().size())) out.unsent += out_.Front();
  StopReading();
  io_.loop.Later([](void* self) { delete static_cast<Connection*>(self); }, this);
  return out;
}

void Connection::OnReady(bool readable, bool writable) {
  if (writable && first_writable_) {
    first_writable_ = false;
    if (!OnFirstWritable() || !open()) return;
  }
  if (writable && (blocked_ || !out_.empty())) {
    blocked_ = false;
    Flush();
    if (!open()) return;
  }
  if (readable) {
    readable_ = true;
    hangup_ |= io_.loop.hangup();
    Pump();
  }
}

// --- reading ---

void Connection::Pump() {
  if (pumping_) return;
  pumping_ = true;
  while (open() && !stopped_ && readable_) {
    const std::size_t room = Room();
    if (room == 0) break;
    if (!(kept_.empty() ? ReadScratch(room) : ReadKept(room))) break;
  }
  pumping_ = false;
  if (open() && eof_ && !eof_told_ && (kept_.empty() || !Holding())) {
    eof_told_ = true;
    OnEof();
  }
}

bool Connection::ReadScratch(std::size_t most) {
  const std::size_t asked = std::min(most, kScratchBytes);
  const transport::IoResult result = transport_->Read(io_.scratch.get(), asked);
  if (!Handle(result, asked)) return false;
  const std::string_view bytes(io_.scratch.get(), result.bytes);
  const std::size_t used = Process(bytes);
  if (open() && !stopped_ && used < bytes.size()) kept_.assign(bytes.substr(used));
  return open();
}

bool Connection::ReadKept(std::size_t most) {
  const std::size_t asked = std::min(most, kKeptStep);
  const transport::IoResult result = transport_->Read(io_.scratch.get(), asked);
  if (!Handle(result, asked)) return false;
  kept_.append(io_.scratch.get(), result.bytes);
  ProcessKept();
  return open();
}

// Notes what a read says of the socket; false when there is nothing to process.
bool Connection::Handle(const transport::IoResult& result, std::size_t asked) {
  switch (result.kind) {
    case Kind::kOk: readable_ = hangup_ || result.bytes == asked; return true;
    case Kind::kWouldBlock: readable_ = false; return false;
    case Kind::kEnd:
      readable_ = false;
      eof_ = true;
      ProcessKept();  // what is kept is all there will be
      return false;
    case Kind::kError:
      readable_ = false;
      Broken();
      return false;
  }
  return false;
}

void Connection::ProcessKept() {
  if (kept_.empty()) return;
  const std::size_t used = Process(kept_);
  if (!open() || stopped_) return;
  if (used == kept_.size())
    std::string().swap(kept_);
  else
    kept_.erase(0, used);
}

void Connection::Preload(std::string_view bytes) {
  kept_.assign(bytes);
  if (!bytes.empty()) Resume();
}

void Connection::Resume() {
  if (resume_scheduled_ || !open() || (kept_.empty() && !readable_ && !eof_)) return;
  resume_scheduled_ = true;
  io_.loop.Later(
      [](void* context) {
        auto* self = static_cast<Connection*>(context);
        self->resume_scheduled_ = false;
        if (!self->open() || self->stopped_) return;
        self->ProcessKept();
        if (self->open()) self->Pump();
      },
      this);
}

// --- writing ---

void Connection::Queue(std::string_view bytes) {
  if (!open()) return;
  out_.Append(bytes);
  ScheduleFlush();
}

std::size_t Connection::Send(std::string_view before, std::string_view payload, std::string_view after) {
  if (!open()) return payload.size();
  if (blocked_ || payload.size() < kCopyBelow) {
    out_.Append(before);
    out_.Append(payload);
    out_.Append(after);
    unreported_ += payload.size();
    ScheduleFlush();
    return 0;
  }
  std::array<iovec, kMostPieces> pieces;
  const std::size_t queued = out_.size();
  int count = out_.Pieces(pieces.data(), kMostPieces - 3);
  std::size_t covered = 0;
  for (int i = 0; i < count; ++i) covered += pieces[static_cast<std::size_t>(i)].iov_len;
  std::size_t done = 0;
  if (covered == queued) {
    for (const std::string_view part : {before, payload, after}) {
      if (!part.empty())
        pieces[static_cast<std::size_t>(count++)] = {const_cast<char*>(part.data()), part.size()};
    }
    done = Write(pieces.data(), count);
  }
  out_.Drop(std::min(done, queued));
  std::size_t rest = done - std::min(done, queued);  // of before, payload, after
  const std::size_t taken = std::min(payload.size(), rest - std::min(rest, before.size()));
  for (const std::string_view part : {before, payload, after}) {
    const std::size_t gone = std::min(rest, part.size());
    out_.Append(part.substr(gone));
    rest -= gone;
  }
  unreported_ += payload.size() - taken;
  if (unreported_ > 0) ScheduleFlush();
  return taken;
}

// One gathered write; how much the kernel took. An error is told at the end of the turn.
std::size_t Connection::Write(const iovec* pieces, int count) {
  const transport::IoResult result = transport_->Write(pieces, count);
  if (result.kind == Kind::kError) Broken();
  std::size_t asked = 0;
  for (int i = 0; i < count; ++i) asked += pieces[i].iov_len;
  written_ += result.bytes;
  blocked_ = result.bytes < asked;
  return result.bytes;
}

// Drivers hear of it outside their own calls only.
void Connection::Broken() {
  if (broken_) return;
  broken_ = true;
  io_.loop.Later(
      [](void* context) {
        auto* self = static_cast<Connection*>(context);
        if (self->open()) self->OnBroken();
      },
      this);
}

void Connection::Flush() {
  while (open() && !out_.empty() && !blocked_) {
    std::array<iovec, kMostPieces> pieces;
    const int count = out_.Pieces(pieces.data(), kMostPieces);
    out_.Drop(Write(pieces.data(), count));
  }
  if (!open()) return;
  ReportTaken();
  if (open() && out_.empty()) OnDrained();
}

void Connection::ReportTaken() {
  const std::size_t taken = unreported_ - std::min(unreported_, out_.size());
  unreported_ -= taken;
  if (taken > 0) OnTaken(taken);
}

void Connection::FlushLater() {
  flush_scheduled_ = true;
  io_.loop.Later(
      [](void* context) {
        auto* self = static_cast<Connection*>(context);
        self->flush_scheduled_ = false;
        if (self->open()) self->Flush();
      },
      this);
}

}  // namespace weft::connection
