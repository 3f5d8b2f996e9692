#pragma once
// A client's HTTP/2 connection: each of its streams is one exchange. Frames of one turn leave in one gathered
// write. DATA is taken from a stream's queue when the connection has room for it, so what a client does not
// read waits in at most kWindow per stream, and its exchange reads no more.
//
// Ends: an idle connection after `limits.idle`; a drain in two steps (GOAWAY for all streams, a round trip or
// a second later GOAWAY with the last one, then the streams that are left); a client that is silent while
// streams run is asked by PING. Thread rule: one worker.

#include <memory>
#include <unordered_set>
#include <vector>

#include "agent/codec/http2/session.h"
#include "agent/connection/connection.h"
#include "agent/connection/http2_streams.h"
#include "agent/connection/http2_tunnel.h"
#include "agent/connection/requests.h"
#include "agent/stream/stream.h"

namespace weft::connection {

class Http2Server;

class Http2ServerStream final : public stream::ServerStream, public http2::Stream {
 public:
  explicit Http2ServerStream(Http2Server& connection);
  // After the 2xx that answers CONNECT, or the 101 that answers an upgrade: the stream as a transport.
  Handed HandOver();

  void SendInterim(const message::ResponseHead& head) override;
  bool SendHead(const message::ResponseHead& head, message::Body body) override;
  std::size_t SendData(std::string_view data) override;
  void SendTrailers(const message::FieldList& trailers) override;
  void SendEnd() override;
  void Consumed(std::size_t bytes) override;
  void CloseAfter() override;
  void Reset(stream::ResetCode code) override;
  bool multiplexed() const override { return true; }
  bool TakesBody() const override;

 private:
  friend class Http2Server;
  friend class ServerTunnel;
  bool carries() const { return !connects_ || switched_; }  // what comes goes to `exchange_`
  void EndTunnel();
  void LeaveTunnel(bool cut);

  Http2Server& connection_;
  stream::RequestEvents* exchange_ = nullptr;  // null: not begun, or over
  message::Method method_ = message::Method::kGet;
  bool has_body_ = false;                 // the response goes on behind its head
  std::unique_ptr<ServerTunnel> tunnel_;  // it asks for one: until it is refused, or handed over
  bool connects_ = false;                 // no body, whatever comes
  bool switched_ = false;                 // handed over: `exchange_` is the tunnel
};

class Http2Server final : public Connection, private http2::Events, private http2::Sink {
 public:
  Http2Server(Io& io, std::unique_ptr<transport::Transport> transport, const engine::Origin& origin,
              const ServerLimits& limits, Requests& requests);
  ~Http2Server() override;
  Status Start(std::string_view first);
  const engine::Origin& origin() const { return origin_; }
  // The exchanges in progress.
  std::vector<stream::RequestEvents*> exchanges() const;
  void Drain();      // no new streams soon; those that run are finished
  void CloseSoon();  // no new streams from now on
  void Cut() { Close(false); }

 private:
  friend class Http2ServerStream;
  std::size_t Room() const override;
  std::size_t Process(std::string_view bytes) override;
  void OnEof() override;
  void OnBroken() override;
  void OnTaken(std::size_t) override {}
  void OnDrained() override;

  void OnRequest(std::int32_t id, message::RequestHead& head, std::string_view raw,
                 message::Body body) override;
  void OnBadRequest(std::int32_t id, Reason reason) override;
  void OnResponse(http2::Stream&, message::ResponseHead&, message::Body) override {}
  void OnData(http2::Stream& stream, std::string_view data) override;
  void OnTrailers(http2::Stream& stream, const message::FieldList& trailers) override;
  void OnEnd(http2::Stream& stream) override;
  void OnTaken(http2::Stream& stream, std::size_t bytes) override;
  void OnSendEnded(http2::Stream& stream) override;
  void OnTooLarge(http2::Stream&) override {}
  void OnClosed(http2::Stream& stream, http2::ErrorCode code) override;
  void OnSettings() override {}
  void OnGoaway() override {}
  void OnPingAck() override;
  void Write(std::string_view bytes) override { Queue(bytes); }
  std::size_t DataRoom() const override;

  Http2ServerStream& Open(std::int32_t id);
  void OutputLater();
  void Output();
  void OnTimer();
  void SetTimer();
  void FinishDrain();
  void Linger();
  void Close(bool reset);

  enum class Drained : std::uint8_t { kNo, kNoticed, kRefusing };
  engine::Origin origin_;
  const ServerLimits& limits_;
  Requests& requests_;
  http2::Session session_;
  StreamList<Http2ServerStream> streams_;
  loop::Timer timer_;
  TimePoint last_read_, head_since_;  // head_since_: max() while none is incomplete
  Drained drained_ = Drained::kNo;
  mutable bool paused_ = false;  // reading, by Room
  bool output_scheduled_ = false, lingering_ = false, pinged_ = false;
};

}  // namespace weft::connection
