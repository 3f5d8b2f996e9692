#pragma once
// A stream of an HTTP/2 connection that stopped being HTTP (CONNECT, RFC 9113 8.5; extended CONNECT, RFC
// 8441), as a transport: what is relayed does not know that it shares a connection. Reads give the peer its
// credit back, writes take at most a stream's window, END_STREAM is a half close, RST_STREAM a broken socket.
// Until it is handed over the stream owns it, and what comes early waits in it. Thread rule: one worker.

#include <string>

#include "agent/connection/connection.h"
#include "agent/stream/stream.h"

namespace weft::connection {

class Http2ServerStream;
class Http2ClientStream;

class Http2Tunnel : public transport::Transport {
 public:
  ~Http2Tunnel() override;
  Http2Tunnel(const Http2Tunnel&) = delete;
  Http2Tunnel& operator=(const Http2Tunnel&) = delete;

  // --- from the stream ---
  void Received(std::string_view bytes);
  void ReceivedEnd();
  void Taken(std::size_t bytes);
  void Gone();  // the stream has ended, in order or not

  // --- Transport ---
  Status Attach(loop::EventLoop& loop, loop::Handler& handler) override;
  void Detach() override { handler_ = nullptr; }
  transport::IoResult Read(char* into, std::size_t most) override;
  transport::IoResult Write(const iovec* pieces, int count) override;
  void ShutdownWrite() override;
  void AcknowledgeNow() override {}
  void Close(bool reset) override;
  net::Address local() const override { return local_; }
  net::Address peer() const override { return peer_; }
  std::string_view peer_identity() const override { return identity_; }
  int connect_error() const override { return 0; }

 protected:
  // Of a connected `over`.
  Http2Tunnel(Io& io, const transport::Transport& over);

  virtual std::size_t Send(std::string_view bytes) = 0;  // taken at once
  virtual void SendEnd() = 0;
  virtual void Credit(std::size_t bytes) = 0;
  // No event follows. `cut`: bytes that wait to be sent do not matter.
  virtual void Leave(bool cut) = 0;

 private:
  // Outlives the tunnel while the loop has it.
  struct Signal {
    Http2Tunnel* to;
    bool scheduled = false;
  };
  void Wake();

  Io& io_;
  buffer::ByteQueue in_;
  net::Address local_, peer_;
  std::string identity_;
  loop::Handler* handler_ = nullptr;
  Signal* signal_;
  std::size_t unsent_ = 0;
  bool ended_ = false, sent_end_ = false, gone_ = false;
};

class ServerTunnel final : public Http2Tunnel, public stream::RequestEvents {
 public:
  ServerTunnel(Io& io, const transport::Transport& over, Http2ServerStream& stream)
      : Http2Tunnel(io, over), stream_(stream) {}

 private:
  std::size_t Send(std::string_view bytes) override;
  void SendEnd() override;
  void Credit(std::size_t bytes) override;
  void Leave(bool cut) override;
  void OnRequestData(std::string_view data) override { Received(data); }
  void OnRequestTrailers(const message::FieldList&) override {}
  void OnRequestEnd() override { ReceivedEnd(); }
  void OnResponseTaken(std::size_t bytes) override { Taken(bytes); }
  void OnClientReset(stream::ResetCode) override { Gone(); }

  Http2ServerStream& stream_;
};

class ClientTunnel final : public Http2Tunnel, public stream::ResponseEvents {
 public:
  ClientTunnel(Io& io, const transport::Transport& over, Http2ClientStream& stream)
      : Http2Tunnel(io, over), stream_(stream) {}

 private:
  std::size_t Send(std::string_view bytes) override;
  void SendEnd() override;
  void Credit(std::size_t bytes) override;
  void Leave(bool cut) override;
  void OnInterim(message::ResponseHead&) override {}
  void OnResponseHead(message::ResponseHead&, message::Body) override {}
  void OnResponseData(std::string_view data) override { Received(data); }
  void OnResponseTrailers(const message::FieldList&) override {}
  void OnResponseEnd() override { ReceivedEnd(); }
  void OnRequestTaken(std::size_t bytes) override { Taken(bytes); }
  void OnUpstreamReset(stream::ResetCode) override { Gone(); }

  Http2ClientStream& stream_;
};

}  // namespace weft::connection
