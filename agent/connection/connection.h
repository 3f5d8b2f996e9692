#pragma once
// What both HTTP/1.1 drivers share: one socket, reading into the worker's scratch area, writing once per
// turn.
//
// Reading. Edge triggered; a short read ends it. Bytes that are not consumed (part of a head, a pipelined
// request) move into `kept_`, so a connection with nothing to say owns no buffer. A driver that cannot take
// more says Room()
// == 0 and calls Resume() later.
// Writing. Small pieces are queued and leave at the end of the turn in one call; large ones are written at
// once behind what is queued, and only what the kernel refuses is copied. Lifetime. Made with new; Destroy()
// closes at once and deletes at the end of the turn. Thread rule: one worker.

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "agent/buffer/byte_queue.h"
#include "agent/codec/http2/session.h"
#include "agent/loop/loop.h"
#include "agent/tls/wire.h"
#include "agent/transport/transport.h"
#include "common/message/head.h"

namespace weft::connection {

inline constexpr std::size_t kScratchBytes = 64 * 1024;
// A message that stops behind a read as short as this is likely held back by the peer's Nagle algorithm.
inline constexpr std::size_t kShortRead = 1400;

// What the connections of one worker lend from it. The heads are filled by decoders and valid during one
// event.
struct Io {
  explicit Io(loop::EventLoop& event_loop, std::size_t most_head = 64 * 1024)
      : loop(event_loop), head_bytes(most_head) {}
  loop::EventLoop& loop;
  const std::size_t head_bytes;  // limit of a head that is read
  tls::Wire* tls = nullptr;      // null: this agent has no identity, so nothing here is TLS
  buffer::Slab slab;
  std::unique_ptr<char[]> scratch = std::make_unique<char[]>(kScratchBytes);
  std::unique_ptr<char[]> head_out = std::make_unique<char[]>(head_bytes + kHeadGrowth);
  message::RequestHead request;
  message::ResponseHead response;
  message::FieldList trailers;
  std::unique_ptr<http2::FrameSpace> frames = std::make_unique<http2::FrameSpace>();
  // Where heads are encoded that do not fit behind what is queued.
  std::span<char> encoded() { return {head_out.get(), head_bytes + kHeadGrowth}; }
  static constexpr std::size_t kHeadGrowth = 96 * 1024;  // what mesh and filters may add to a head
};

// A socket that leaves its connection, with what was read and not consumed, and what was not written yet.
struct Handed {
  std::unique_ptr<transport::Transport> transport;
  std::string unread, unsent;
};

class Connection : public loop::Handler {
 public:
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool open() const { return transport_ != nullptr; }
  bool secured() const { return open() && !transport_->peer_identity().empty(); }
  Reason failure() const { return open() ? transport_->failure() : Reason::kOk; }  // of TLS
  net::Address peer() const { return open() ? transport_->peer() : net::Address{}; }
  void Destroy(bool reset = false);
  Handed Release();  // gives the socket away; the connection ends without closing it

  void OnReady(bool readable, bool writable) final;

 protected:
  Connection(Io& io, std::unique_ptr<transport::Transport> transport);
  virtual ~Connection() = default;

  Status Attach() { return transport_->Attach(io_.loop, *this); }
  transport::Transport& transport() { return *transport_; }

  // --- for the driver ---
  virtual std::size_t Room() const = 0;                     // bytes it takes now; zero: paused
  virtual std::size_t Process(std::string_view bytes) = 0;  // how many it consumed
  virtual void OnEof() = 0;                                 // the peer closed its direction; nothing kept
  virtual void OnBroken() = 0;                              // reset or write error; the socket is useless
  virtual void OnTaken(std::size_t payload) = 0;            // the kernel took payload queued before
  virtual bool OnFirstWritable() { return true; }           // a connecting socket: false when it failed
  virtual void OnDrained() {}                               // the queue became empty
  virtual bool Holding() const { return false; }            // kept bytes wait for us, not for more bytes

  void Queue(std::string_view bytes);  // framing
  // A head or trailers: `encode` writes into the span it is given and returns the bytes written, or zero when
  // it is too small. False: too large for any.
  template <class Encode>
  bool QueueEncoded(Encode encode) {
    if (!open()) return true;
    std::size_t size = encode(out_.Tail());
    out_.Wrote(size);
    if (size == 0) {
      size = encode(io_.encoded());
      out_.Append({io_.head_out.get(), size});
    }
    ScheduleFlush();
    return size > 0;
  }
  std::size_t Send(std::string_view before, std::string_view payload,
                   std::string_view after);  // taken at once
  void Flush();
  bool unsent() const { return !out_.empty(); }
  std::size_t queued() const { return out_.size(); }
  void Preload(std::string_view bytes);  // as if they had just been read
  void Resume();                         // Room() may have grown; reads later in this turn
  void ReadRest() {                      // what arrived before the socket broke
    readable_ = true;
    Pump();
  }
  void StopReading() {
    stopped_ = true;
    kept_.clear();
    kept_.shrink_to_fit();
  }
  bool has_kept() const { return !kept_.empty(); }
  std::size_t kept_bytes() const { return kept_.size(); }
  std::uint64_t bytes_written() const { return written_; }

  Io& io_;

 private:
  void Pump();
  void ProcessKept();
  bool ReadScratch(std::size_t most);
  bool ReadKept(std::size_t most);
  bool Handle(const transport::IoResult& result, std::size_t asked);
  void ScheduleFlush() {
    if (!flush_scheduled_) FlushLater();
  }
  void FlushLater();
  void ReportTaken();
  std::size_t Write(const iovec* pieces, int count);
  void Broken();

  std::unique_ptr<transport::Transport> transport_;
  buffer::ByteQueue out_;
  std::string kept_;
  std::uint64_t written_ = 0;
  std::size_t unreported_ = 0;  // payload bytes in or through the queue that OnTaken has not told of
  bool readable_ = false, eof_ = false, eof_told_ = false, stopped_ = false, hangup_ = false;
  bool first_writable_ = true, flush_scheduled_ = false, resume_scheduled_ = false, pumping_ = false,
       blocked_ = false, broken_ = false;
};

}  // namespace weft::connection
