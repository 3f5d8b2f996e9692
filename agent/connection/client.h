#pragma once
// Our HTTP/1.1 connection to an instance: connecting, idle, or busy with one request. The pool owns it.
// Thread rule: one worker.

#include "agent/codec/http1/decoder.h"
#include "agent/connection/connection.h"
#include "agent/stream/stream.h"

namespace weft::connection {

class ClientConnection;

// Hears of each change of state; outlives its connections.
class ClientOwner {
 public:
  virtual void OnConnected(ClientConnection& connection, int error) = 0;  // errno; zero: idle and usable now
  virtual void OnIdle(ClientConnection& connection) = 0;    // an exchange ended, another may begin
  virtual void OnClosed(ClientConnection& connection) = 0;  // it deletes itself at the end of the turn

 protected:
  ~ClientOwner() = default;
};

class ClientConnection final : public Connection, public stream::ClientStream {
 public:
  ClientConnection(Io& io, std::unique_ptr<transport::Transport> transport, http1::Limits limits,
                   ClientOwner& owner);
  Status Start() { return Attach(); }

  // Idle to busy.
  void Begin(stream::ResponseEvents& events, message::Method method) override;
  bool busy() const { return events_ != nullptr; }
  bool connecting() const { return state_ == State::kConnecting; }
  void Close(bool reset = false);  // the owner hears OnClosed
  Handed HandOver();               // after a 101: gives the socket away; the owner hears nothing
  // When the request is out and at most 64 KiB of an answer follow, they are read and thrown away and the
  // connection becomes idle; else it closes.
  void Abandon() override;
  void Redirect(stream::ResponseEvents& events) override { events_ = &events; }
  bool abandoned() const { return events_ == &discard_; }
  std::uint64_t requests() const { return requests_; }                      // begun so far
  std::uint32_t keep_alive_seconds() const { return keep_alive_seconds_; }  // the peer's hint; zero: none

  TimePoint opened, idle_since;  // the owner's notes
  void* owner_slot = nullptr;
  void* owner_data = nullptr;

  bool SendHead(const message::RequestHead& head, message::Body body) override;
  std::size_t SendData(std::string_view data) override;
  void SendTrailers(const message::FieldList& trailers) override;
  void SendEnd() override;
  void Consumed(std::size_t bytes) override;
  void Reset(stream::ResetCode code) override;
  bool AnyByteSent() const override { return bytes_written() > written_before_; }

 private:
  enum class State : std::uint8_t { kConnecting, kIdle, kBusy };
  std::size_t Room() const override;
  std::size_t Process(std::string_view bytes) override;
  void OnEof() override;
  void OnBroken() override;
  void OnTaken(std::size_t payload) override;
  bool OnFirstWritable() override;

  struct Discard final : stream::ResponseEvents {
    explicit Discard(ClientConnection& c) : connection(c) {}
    void OnInterim(message::ResponseHead&) override {}
    void OnResponseHead(message::ResponseHead&, message::Body) override;
    void OnResponseData(std::string_view data) override;
    void OnResponseTrailers(const message::FieldList&) override {}
    void OnResponseEnd() override {}
    void OnRequestTaken(std::size_t) override {}
    void OnUpstreamReset(stream::ResetCode) override {}
    ClientConnection& connection;
    std::size_t bytes = 0;
  };

  bool WorthKeeping() const;  // after the head of an answer that nobody wants
  bool Dispatch(const http1::Event& event);
  void Fail(stream::ResetCode code);
  void EndResponse();

  ClientOwner& owner_;
  http1::ResponseDecoder decoder_;
  stream::ResponseEvents* events_ = nullptr;
  Discard discard_{*this};
  State state_ = State::kConnecting;
  message::Body request_body_;
  bool request_ended_ = false, response_ended_ = false, reusable_ = false, head_seen_ = false;
  std::size_t unconsumed_ = 0;
  std::uint64_t written_before_ = 0, requests_ = 0;
  std::uint32_t keep_alive_seconds_ = 0;
};

}  // namespace weft::connection
