#pragma once
// Our HTTP/2 connection to an instance; its streams are lent one by one. The pool owns it. Ends with the
// peer's GOAWAY (streams it did not process end with kRefused, the others are finished), when the pool drains
// it, or when it breaks. Thread rule: one worker.

#include <memory>
#include <vector>

#include "agent/codec/http2/session.h"
#include "agent/connection/connection.h"
#include "agent/connection/http2_streams.h"
#include "agent/connection/http2_tunnel.h"
#include "agent/connection/websocket.h"
#include "agent/stream/stream.h"

namespace weft::connection {

class Http2Client;

// Hears of each change of state; outlives its connections.
class Http2Owner {
 public:
  virtual void OnConnected(Http2Client& connection, int error) = 0;  // errno; zero: usable now
  virtual void OnReturned(Http2Client& connection) = 0;              // a stream that was lent has ended
  virtual void OnCapacity(Http2Client& connection) = 0;  // it may take another stream, or none ever again
  virtual void OnClosed(Http2Client& connection) = 0;    // it deletes itself at the end of the turn

 protected:
  ~Http2Owner() = default;
};

class Http2ClientStream final : public stream::ClientStream, public http2::Stream {
 public:
  explicit Http2ClientStream(Http2Client& connection);
  // In or after OnResponseHead with status 101: the stream as a transport.
  Handed HandOver();

  void Begin(stream::ResponseEvents& events, message::Method method) override;
  void Redirect(stream::ResponseEvents& events) override { events_ = &events; }
  void Abandon() override;
  bool SendHead(const message::RequestHead& head, message::Body body) override;
  std::size_t SendData(std::string_view data) override;
  void SendTrailers(const message::FieldList& trailers) override;
  void SendEnd() override;
  void Consumed(std::size_t bytes) override;
  void Reset(stream::ResetCode code) override;
  bool AnyByteSent() const override;
  bool multiplexed() const override { return true; }

 private:
  friend class Http2Client;
  friend class ClientTunnel;
  void LeaveTunnel(bool cut);
  void Switched(message::ResponseHead& head);

  Http2Client& connection_;
  stream::ResponseEvents* events_ = nullptr;  // null: nobody listens any more
  bool has_body_ = false;                     // the request goes on behind its head
  bool connects_ = false;                     // asks for another protocol by extended CONNECT (RFC 8441)
  bool switched_ = false;                     // handed over: `events_` is the tunnel
  AcceptText accept_{};                       // what a client of HTTP/1.1 waits for; empty: there is none
  std::unique_ptr<ClientTunnel> tunnel_;      // from the 2xx until it is handed over
};

class Http2Client final : public Connection, private http2::Events, private http2::Sink {
 public:
  Http2Client(Io& io, std::unique_ptr<transport::Transport> transport, const http2::Limits& limits,
              Http2Owner& owner);
  ~Http2Client() override;
  Status Start() { return Attach(); }

  bool connecting() const { return connecting_; }
  // Takes no more streams.
  bool draining() const { return draining_; }
  std::size_t streams() const { return streams_.size(); }
  std::size_t most_streams() const;  // it carries at once
  bool HasRoom() const { return !connecting_ && !draining_ && streams() < most_streams(); }
  stream::ClientStream& Lend();    // HasRoom
  void Drain();                    // closes when its streams have ended
  void Close(bool reset = false);  // the owner hears OnClosed; streams are reset
  void Ping();                     // unless one is under way
  // Whether it takes extended CONNECT.
  http2::Session::Answer switches() const { return session_.switches(); }
  // A PING is out for longer than `most`.
  bool Silent(Duration most) const;

  TimePoint opened, idle_since, last_read;
  void* owner_slot = nullptr;
  bool counts_streams = false;  // the owner's note

 private:
  friend class Http2ClientStream;
  std::size_t Room() const override;
  std::size_t Process(std::string_view bytes) override;
  void OnEof() override;
  void OnBroken() override;
  void OnTaken(std::size_t) override {}
  void OnDrained() override;
  bool OnFirstWritable() override;

  void OnRequest(std::int32_t, message::RequestHead&, std::string_view, message::Body) override {}
  void OnBadRequest(std::int32_t, Reason) override {}
  void OnResponse(http2::Stream& stream, message::ResponseHead& head, message::Body body) override;
  void OnData(http2::Stream& stream, std::string_view data) override;
  void OnTrailers(http2::Stream& stream, const message::FieldList& trailers) override;
  void OnEnd(http2::Stream& stream) override;
  void OnTaken(http2::Stream& stream, std::size_t bytes) override;
  void OnSendEnded(http2::Stream&) override {}
  void OnTooLarge(http2::Stream& stream) override;
  void OnClosed(http2::Stream& stream, http2::ErrorCode code) override;
  void OnSettings() override { owner_.OnCapacity(*this); }
  void OnGoaway() override;
  void OnPingAck() override { pinged_ = TimePoint::max(); }
  void Write(std::string_view bytes) override { Queue(bytes); }
  std::size_t DataRoom() const override;

  void Remove(Http2ClientStream& stream);
  void FailAll(stream::ResetCode code);
  void OutputLater();
  void Output();

  Http2Owner& owner_;
  http2::Session session_;
  StreamList<Http2ClientStream> streams_;
  TimePoint pinged_ = TimePoint::max();
  mutable bool paused_ = false;  // reading, by Room
  bool connecting_ = true, draining_ = false, output_scheduled_ = false, failing_ = false;
};

}  // namespace weft::connection
