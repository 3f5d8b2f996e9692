#pragma once
// Both ends of HTTP/2 for tests, blocking, on the agent's own codec. What the codec itself does wrong the
// external suites find (tests/interop); these are for what the agent does with it.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/codec/http2/session.h"
#include "common/net/address.h"

namespace weft::support {

using Fields = std::vector<std::pair<std::string, std::string>>;

// A message as it came, or as it shall go.
struct Message {
  std::string method, target, authority;  // of a request
  int status = 200;                       // of an answer
  Fields fields, trailers;
  std::string body;
  bool has_body = false;  // to send: DATA follows even when `body` is empty
  std::vector<int> interim;
  bool begun = false, ended = false;
  int reset = -1;       // the code of RST_STREAM
  bool closed = false;  // in both directions

  std::string Field(const std::string& name) const;
  std::string Trailer(const std::string& name) const;
};

// One connection; every stream's message. Not thread safe.
class Http2End final : private http2::Events, private http2::Sink {
 public:
  Http2End(int fd, http2::Role role, http2::Limits limits = {});
  ~Http2End();

  // Client: sends it; `end` false leaves it open. The number of the stream, for the calls below.
  std::size_t Ask(const Message& request, bool end = true);
  void SendData(std::size_t stream, const std::string& data, bool end);
  void Answer(std::size_t stream, const Message& answer, bool end = true);
  void Reset(std::size_t stream, http2::ErrorCode code = http2::ErrorCode::kCancel);
  // Reads and writes until `done` or the deadline; false: it was never.
  bool Until(const std::function<bool()>& done);
  Message& Await(std::size_t stream);  // until it ended, was reset or the connection is gone
  Message& at(std::size_t stream) { return streams_[stream]->message; }
  std::size_t streams() const { return streams_.size(); }
  void Raw(const std::string& bytes);  // behind what is queued
  http2::Session& session() { return session_; }
  void Flush();
  bool Step(int wait_ms);  // false: the peer has closed
  void HalfClose();

  bool credit = true;                                  // false: received data is not credited
  bool goaway = false;                                 // one came
  bool gone = false;                                   // the peer closed
  std::size_t received = 0;                            // bytes of data
  std::function<void(std::size_t stream)> on_request;  // server: it is complete
  std::function<void(std::size_t stream)> on_head;     // server: its head is

 private:
  struct Entry : http2::Stream {
    Entry(buffer::Slab& slab, std::size_t n) : http2::Stream(slab), number(n) {}
    std::size_t number;
    Message message;
  };
  static Entry& Of(http2::Stream& stream) { return static_cast<Entry&>(stream); }
  Entry& Add();

  void OnRequest(std::int32_t id, message::RequestHead& head, std::string_view raw,
                 message::Body body) override;
  void OnBadRequest(std::int32_t id, Reason reason) override;
  void OnResponse(http2::Stream& stream, message::ResponseHead& head, message::Body body) override;
  void OnData(http2::Stream& stream, std::string_view data) override;
  void OnTrailers(http2::Stream& stream, const message::FieldList& trailers) override;
  void OnEnd(http2::Stream& stream) override;
  void OnTaken(http2::Stream&, std::size_t) override {}
  void OnSendEnded(http2::Stream&) override {}
  void OnTooLarge(http2::Stream&) override {}
  void OnClosed(http2::Stream& stream, http2::ErrorCode code) override;
  void OnSettings() override {}
  void OnGoaway() override { goaway = true; }
  void OnPingAck() override {}
  void Write(std::string_view bytes) override { out_.append(bytes); }
  std::size_t DataRoom() const override { return 1 << 20; }

  int fd_;
  buffer::Slab slab_;
  message::RequestHead request_;
  message::ResponseHead response_;
  message::FieldList trailers_;
  std::vector<std::unique_ptr<Entry>> streams_;
  std::string out_;
  http2::Session session_;
};

// A server of HTTP/2, a thread for each connection. `serve` is called when a request is complete.
class Http2Upstream {
 public:
  using Serve = std::function<void(Http2End& end, std::size_t stream)>;
  explicit Http2Upstream(Serve serve, http2::Limits limits = {});
  ~Http2Upstream();
  static Serve Saying(int status, const std::string& body);

  net::Address address() const { return address_; }
  int connections() const { return connections_; }
  int requests() const { return requests_; }
  int resets() const { return resets_; }  // of streams by the client
  Message last() const;
  std::function<void(Http2End& end)> on_open;  // before the first byte
  bool serve_heads = false;                    // `serve` is called at the head

 private:
  void Accept();
  void Run(int fd);

  Serve serve_;
  http2::Limits limits_;
  int listener_;
  net::Address address_;
  std::atomic<int> connections_{0}, requests_{0}, resets_{0};
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  Message last_;                      // guarded by mutex_
  std::vector<std::thread> threads_;  // guarded by mutex_
  std::thread acceptor_;
};

}  // namespace weft::support
