#pragma once
// Ends of HTTP/2 connections without sockets, for the tests of this folder.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "agent/codec/http2/session.h"

namespace weft::http2 {

using message::Body;
using message::FieldId;

// One end of a connection that notes what it hears, as lines of text.
class End final : public Events, public Sink {
 public:
  explicit End(Role role, Limits limits = {}) : session(role, limits, {request, response, trailers}, *this) {}

  void OnRequest(std::int32_t id, message::RequestHead& head, std::string_view raw, Body body) override {
    std::string line = "request " + std::string(head.method_text) + " " + std::string(head.authority) + " " +
                       std::string(head.target) + BodyText(body);
    Note(line, head.fields);
    for (const message::Field& field : head.fields) {
      EXPECT_GE(field.name.data(), raw.data());
      EXPECT_LE(field.value.data() + field.value.size(), raw.data() + raw.size());
    }
    session.Adopt(Add(), id);
  }
  void OnBadRequest(std::int32_t, Reason reason) override {
    said.push_back("bad " + std::string(ToString(reason)));
  }
  void OnResponse(Stream&, message::ResponseHead& head, Body body) override {
    Note("response " + std::to_string(head.status) + BodyText(body), head.fields);
  }
  void OnData(Stream& stream, std::string_view data) override {
    bytes += data.size();
    last_data = std::string(data.substr(0, 32));
    if (consume) session.Consumed(stream, data.size());
  }
  void OnTrailers(Stream&, const message::FieldList& fields) override { Note("trailers", fields); }
  void OnEnd(Stream&) override { said.push_back("end"); }
  void OnTaken(Stream&, std::size_t count) override { taken += count; }
  void OnSendEnded(Stream&) override {}
  void OnTooLarge(Stream&) override { said.push_back("too large"); }
  void OnClosed(Stream&, ErrorCode code) override {
    said.push_back("closed " + std::to_string(static_cast<std::uint32_t>(code)));
  }
  void OnSettings() override {}
  void OnGoaway() override { said.push_back("goaway"); }
  void OnPingAck() override { said.push_back("pong"); }
  void Write(std::string_view text) override { out.append(text); }
  std::size_t DataRoom() const override { return room; }

  Stream& Add() {
    streams.push_back(std::make_unique<Stream>(slab));
    return *streams.back();
  }
  std::string Out() {
    session.Send(*this);
    return std::exchange(out, {});
  }
  bool Said(const std::string& text) const { return std::find(said.begin(), said.end(), text) != said.end(); }

  buffer::Slab slab;
  message::RequestHead request;
  message::ResponseHead response;
  message::FieldList trailers;
  std::vector<std::unique_ptr<Stream>> streams;
  std::vector<std::string> said;
  std::size_t bytes = 0, taken = 0, room = 1 << 20;
  std::string out, last_data;
  bool consume = true;
  Session session;

 private:
  static std::string BodyText(Body body) {
    switch (body.kind) {
      case Body::Kind::kNone: return " none";
      case Body::Kind::kLength: return " " + std::to_string(body.length);
      default: return " stream";
    }
  }
  void Note(std::string line, const message::FieldList& fields) {
    for (const message::Field& field : fields)
      line += " " + std::string(field.name) + "=" + std::string(field.value);
    said.push_back(line);
  }
};

struct Pair {
  explicit Pair(Limits limits = {}) : client(Role::kClient), server(Role::kServer, limits) { Run(); }
  void Run() {
    for (int i = 0; i < 100; ++i) {
      const std::string up = client.Out(), down = server.Out();
      if (up.empty() && down.empty()) return;
      now += std::chrono::milliseconds(1);
      if (!up.empty()) server_ok = server.session.Receive(up, now);
      if (!down.empty()) client_ok = client.session.Receive(down, now);
    }
  }
  Stream& Get(const std::string& path = "/", Body body = {}) {
    message::RequestHead head;
    head.method = body.empty() ? message::Method::kGet : message::Method::kPost;
    head.method_text = body.empty() ? "GET" : "POST";
    head.authority = "cart";
    head.target = path;
    head.fields.Add("Connection", "close", FieldId::kConnection);
    head.fields.Add("TE", "gzip", FieldId::kTe);
    head.fields.Add("X-Case", "Kept", FieldId::kOther);
    Stream& stream = client.Add();
    EXPECT_TRUE(client.session.Request(stream, head, body));
    return stream;
  }
  TimePoint now{};
  bool server_ok = true, client_ok = true;
  End client, server;
};

inline std::string Frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id,
                         const std::string& payload) {
  const auto byte = [](std::size_t v) { return static_cast<char>(v & 0xff); };
  std::string out{byte(payload.size() >> 16),
                  byte(payload.size() >> 8),
                  byte(payload.size()),
                  static_cast<char>(type),
                  static_cast<char>(flags),
                  byte(id >> 24),
                  byte(id >> 16),
                  byte(id >> 8),
                  byte(id)};
  return out + payload;
}
// GET http cart /
inline const std::string kGetHead =
    "\x82\x86\x84\x41\x04"
    "cart";

inline std::string Opening() { return std::string(kPreface) + Frame(4, 0, 0, ""); }

// The error code of the GOAWAY that `bytes` end with; -1: none.
inline int GoawayCode(std::string_view bytes) {
  int code = -1;
  while (bytes.size() >= 9) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    const std::size_t size = std::size_t{at(0)} << 16 | std::size_t{at(1)} << 8 | at(2);
    if (at(3) == 7) code = at(16);
    bytes.remove_prefix(9 + size);
  }
  return code;
}

}  // namespace weft::http2
