#pragma once
// A client's HTTP/1.1 connection: requests in, one exchange at a time (pipelined ones wait), responses out.
// Thread rule: one worker.

#include "agent/codec/http1/decoder.h"
#include "agent/connection/connection.h"
#include "agent/connection/requests.h"
#include "agent/stream/stream.h"

namespace weft::connection {

class ServerConnection final : public Connection, public stream::ServerStream {
 public:
  ServerConnection(Io& io, std::unique_ptr<transport::Transport> transport, const engine::Origin& origin,
                   const ServerLimits& limits, Requests& requests);
  // Registers with the loop; `first` are bytes that detection already read.
  Status Start(std::string_view first);
  const engine::Origin& origin() const { return origin_; }
  bool idle() const { return phase_ == Phase::kIdle; }
  stream::RequestEvents* exchange() const { return exchange_; }  // the request in progress; may be null
  // Gives the socket away while a request is in progress; neither it nor `Closed` hears more.
  Handed HandOver();
  // Closes once idle; a response in progress is finished with `connection: close`.
  void CloseSoon();
  void Cut() { Close(false); }  // now; no exchange may be active

  void SendInterim(const message::ResponseHead& head) override;
  bool SendHead(const message::ResponseHead& head, message::Body body) override;
  std::size_t SendData(std::string_view data) override;
  void SendTrailers(const message::FieldList& trailers) override;
  void SendEnd() override;
  void Consumed(std::size_t bytes) override;
  void CloseAfter() override { keep_alive_ = false; }
  void Reset(stream::ResetCode code) override;

 private:
  enum class Phase : std::uint8_t {
    kIdle,      // between requests
    kRequest,   // an exchange is active and the request is still arriving
    kResponse,  // an exchange is active and the request is complete
    kDiscard,   // the response is out, the rest of the request is thrown away
    kLinger,    // everything is said; waiting for the peer to read it and close
  };
  std::size_t Room() const override;
  std::size_t Process(std::string_view bytes) override;
  void OnEof() override;
  void OnBroken() override;
  void OnTaken(std::size_t payload) override;
  void OnDrained() override;
  bool Holding() const override { return phase_ == Phase::kResponse; }

  bool Dispatch(const http1::Event& event, std::string_view raw, std::string_view more);
  bool BeginsHttp2(std::string_view bytes);
  bool OnlyHttp2() const {  // the port is declared so; HTTP/1.1 is translated for clients that speak it
    return origin_.declared == policy::Protocol::kHttp2 || origin_.declared == policy::Protocol::kGrpc;
  }
  void AwaitHead();
  void Begin(std::string_view raw);
  void Fail(Reason reason);
  void EndOfRequest();
  void Discarded(std::size_t bytes);
  void NextRequest();
  void Linger();
  void Close(bool reset);
  void OnTimer();

  engine::Origin origin_;
  const ServerLimits& limits_;
  Requests& requests_;
  http1::RequestDecoder decoder_;
  stream::RequestEvents* exchange_ = nullptr;
  Phase phase_ = Phase::kIdle;
  loop::Timer timer_;
  std::size_t unconsumed_ = 0;  // request body bytes the exchange has not passed on
  std::size_t discarded_ = 0;
  message::Body response_body_;
  message::Method method_ = message::Method::kGet;
  bool old_client_ = false;  // HTTP/1.0
  bool keep_alive_ = true, close_soon_ = false, eof_seen_ = false, response_begun_ = false;
  bool awaiting_head_ = false;
  bool fresh_ = true;          // no request came yet: it may be HTTP/2
  bool body_follows_ = false;  // of a request with Expect: the client was told to go on, or did
};

}  // namespace weft::connection
