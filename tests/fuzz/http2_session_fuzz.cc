// HTTP/2 from foreign bytes, as server and as client: whole and cut into pieces must give the same events, a
// head that is let through must read as one message when it is written as HTTP/1.1, and nothing grows.
#include <map>
#include <memory>

#include "agent/codec/http2/session.h"
#include "tests/fuzz/http1_events.h"

namespace {

using weft::fuzz::Require;
using weft::message::Body;

class Peer final : public weft::http2::Events, public weft::http2::Sink {
 public:
  explicit Peer(weft::http2::Role role)
      : server_(role == weft::http2::Role::kServer),
        session_(role, {4096, 16, 8, 1024, 4096}, {request_, response_, trailers_}, *this) {
    if (!server_) {
      for (int i = 0; i < 3; ++i) Ask(i == 1 ? weft::message::Method::kHead : weft::message::Method::kGet);
    }
    session_.Send(*this);
  }

  void Run(std::string_view bytes, std::size_t piece) {
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      if (!session_.Receive(bytes.substr(at, piece), {})) break;
      Require(said.size() < 1 << 20, "events without end");
    }
    session_.Send(*this);
  }
  std::string said;

 private:
  void OnRequest(std::int32_t id, weft::message::RequestHead& head, std::string_view, Body body) override {
    Say(id, std::string(head.method_text) + " " + std::string(head.authority) + " " +
                std::string(head.target) + "\n" + weft::fuzz::Fields(head.fields));
    weft::http2::Stream& stream = *streams_.emplace_back(std::make_unique<weft::http2::Stream>(slab_));
    session_.Adopt(stream, id);
    RoundTrip(head, body);
    weft::message::ResponseHead answer;
    answer.status = 200;
    session_.Respond(stream, answer, {Body::Kind::kChunked, 0}, false);
    stream.out.Append("body");
    stream.end = id % 3 != 0;
    if (id % 5 == 0) session_.Reset(stream, weft::http2::ErrorCode::kCancel);
  }
  void OnBadRequest(std::int32_t id, weft::Reason reason) override {
    Say(id, std::string(weft::ToString(reason)));
  }
  void OnResponse(weft::http2::Stream& stream, weft::message::ResponseHead& head, Body body) override {
    Say(stream.id, std::to_string(head.status) + "\n" + weft::fuzz::Fields(head.fields));
    Require(head.status >= 100 && head.status <= 999, "a status out of range");
    char out[65536];
    if (head.status >= 200)
      Require(weft::http1::EncodeResponseHead(head, {body}, out) > 0, "a response head that does not fit");
  }
  void OnData(weft::http2::Stream& stream, std::string_view data) override {
    data_[stream.id] += data.size();
    session_.Consumed(stream, data.size());
  }
  void OnTrailers(weft::http2::Stream& stream, const weft::message::FieldList& trailers) override {
    Say(stream.id, "trailers\n" + weft::fuzz::Fields(trailers));
  }
  void OnEnd(weft::http2::Stream& stream) override {
    Say(stream.id, "end " + std::to_string(data_[stream.id]));
  }
  void OnTaken(weft::http2::Stream&, std::size_t) override {}
  void OnSendEnded(weft::http2::Stream&) override {}
  void OnTooLarge(weft::http2::Stream& stream) override { Say(stream.id, "too large"); }
  void OnClosed(weft::http2::Stream& stream, weft::http2::ErrorCode) override {
    Require(stream.id == 0, "closed and still named");
  }
  void OnSettings() override {}
  void OnGoaway() override {}
  void OnPingAck() override {}
  void Write(std::string_view bytes) override {
    written_ += bytes.size();
    Require(written_ < 8 << 20, "an answer without end");
  }
  std::size_t DataRoom() const override { return 1 << 20; }

  void Say(std::int32_t id, const std::string& what) { said += std::to_string(id) + " " + what + "\n"; }

  void Ask(weft::message::Method method) {
    weft::message::RequestHead head;
    head.method = method;
    head.method_text = method == weft::message::Method::kHead ? "HEAD" : "GET";
    head.authority = "a";
    head.target = "/";
    auto& stream = *streams_.emplace_back(std::make_unique<weft::http2::Stream>(slab_));
    stream.to_head = method == weft::message::Method::kHead;
    session_.Request(stream, head, {});
  }

  static void RoundTrip(const weft::message::RequestHead& head, Body body) {
    std::array<char, 65536> out;
    const std::size_t size = weft::http1::EncodeRequestHead(head, body, out);
    Require(size > 0, "a head within the limits does not fit");
    if (head.method == weft::message::Method::kConnect) return;
    weft::http1::RequestDecoder decoder;
    weft::message::RequestHead again;
    weft::message::FieldList trailers;
    const auto event = decoder.Next({out.data(), size}, again, trailers);
    Require(event.kind == weft::http1::Event::Kind::kHead && event.consumed == size,
            "a head of HTTP/2 does not read as one of HTTP/1.1");
    Require(again.target == head.target && again.authority == head.authority, "a head changed its meaning");
  }

  bool server_;
  weft::buffer::Slab slab_;
  weft::message::RequestHead request_;
  weft::message::ResponseHead response_;
  weft::message::FieldList trailers_;
  std::vector<std::unique_ptr<weft::http2::Stream>> streams_;
  std::map<std::int32_t, std::size_t> data_;
  std::size_t written_ = 0;
  weft::http2::Session session_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t piece = data[0] % 17 + 1U;
  const auto role = (data[0] & 0x40) != 0 ? weft::http2::Role::kClient : weft::http2::Role::kServer;
  std::string bytes(role == weft::http2::Role::kServer ? weft::http2::kPreface : std::string_view());
  bytes += std::string("\0\0\0\4\0\0\0\0\0", 9);
  bytes.append(reinterpret_cast<const char*>(data) + 1, size - 1);
  Peer whole(role), cut(role);
  whole.Run(bytes, bytes.size());
  cut.Run(bytes, piece);
  Require(whole.said == cut.said, "pieces change what is read");
  return 0;
}
