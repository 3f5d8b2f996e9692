#include "agent/codec/http2/opening.h"

#include <nghttp2/nghttp2.h>

namespace weft::http2 {
namespace {

constexpr std::size_t kMostHeld = 2048;
constexpr int kMostFrames = 20;  // more is for the session to judge
constexpr std::size_t kFrameHead = 9;
constexpr std::uint32_t kFirstWindow = 64 * 1024 - 1;  // of a connection, whatever SETTINGS say
constexpr std::uint32_t kMostWindow = 0x7fffffff;

void PutNumber(std::string& out, std::uint64_t number, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push_back(static_cast<char>(number >> shift));
}

void PutFrameHead(std::string& out, std::size_t length, std::uint8_t type, std::uint8_t flags) {
  PutNumber(out, length, 3);
  PutNumber(out, type, 1);
  PutNumber(out, flags, 1);
  PutNumber(out, 0, 4);  // of the connection
}

struct FrameHead {
  explicit FrameHead(std::string_view bytes) {
    const auto at = [&](std::size_t i) { return std::uint32_t{static_cast<std::uint8_t>(bytes[i])}; };
    length = at(0) << 16 | at(1) << 8 | at(2);
    type = static_cast<std::uint8_t>(at(3));
    flags = static_cast<std::uint8_t>(at(4));
    stream = at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8);
  }
  std::size_t length;
  std::uint8_t type, flags;
  std::uint32_t stream;
};

std::uint32_t Number(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = at; i < at + 4; ++i) number = number << 8 | static_cast<std::uint8_t>(bytes[i]);
  return number;
}

// What is said of the connection before a head. Whatever is wrong with it is for the session to answer.
bool IsFine(const FrameHead& frame, std::string_view payload, std::uint32_t& window) {
  if (frame.stream != 0) return false;
  if (frame.type == NGHTTP2_SETTINGS) return (frame.flags & NGHTTP2_FLAG_ACK) != 0 && frame.length == 0;
  if (frame.type != NGHTTP2_WINDOW_UPDATE || frame.length != 4) return false;
  if (payload.size() < 4) return true;  // not whole yet
  const std::uint32_t more = Number(payload, 0) & kMostWindow;
  if (more == 0 || more > kMostWindow - window) return false;
  window += more;
  return true;
}

}  // namespace

std::string FirstFrames(const Limits& limits) {
  const std::pair<std::uint16_t, std::uint64_t> settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.head_bytes},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}};
  std::string out;
  PutFrameHead(out, 6 * std::size(settings), NGHTTP2_SETTINGS, 0);
  for (const auto& [id, value] : settings) {
    PutNumber(out, id, 2);
    PutNumber(out, value, 4);
  }
  if (limits.connection_window <= kFirstWindow) return out;
  PutFrameHead(out, 4, NGHTTP2_WINDOW_UPDATE, 0);
  PutNumber(out, limits.connection_window - kFirstWindow, 4);
  return out;
}

std::string SettingsAck() {
  std::string out;
  PutFrameHead(out, 0, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK);
  return out;
}

std::string GoawayFrame(ErrorCode code) {
  std::string out;
  PutFrameHead(out, 8, NGHTTP2_GOAWAY, 0);
  PutNumber(out, 0, 4);
  PutNumber(out, static_cast<std::uint32_t>(code), 4);
  return out;
}

Heard Hear(std::string_view bytes) {
  Heard heard;
  const auto ask = [&] { return heard.waits = false, heard; };
  const std::string_view preface = bytes.substr(0, kPreface.size());
  if (bytes.size() > kMostHeld || preface != kPreface.substr(0, preface.size())) return ask();
  bytes.remove_prefix(preface.size());
  bool in_head = false;
  std::uint32_t window = kFirstWindow;
  for (int frames = 0; bytes.size() >= kFrameHead; ++frames) {
    const FrameHead frame(bytes);
    const bool whole = bytes.size() >= kFrameHead + frame.length;
    const bool block = frame.type == (in_head ? NGHTTP2_CONTINUATION : NGHTTP2_HEADERS);
    const bool settings = frame.type == NGHTTP2_SETTINGS && frame.stream == 0 && frame.length % 6 == 0;
    const bool first = !heard.settings && settings && (frame.flags & NGHTTP2_FLAG_ACK) == 0;
    const bool later =
        heard.settings && (block || (!in_head && IsFine(frame, bytes.substr(kFrameHead), window)));
    const bool ends = block && whole && (frame.flags & NGHTTP2_FLAG_END_HEADERS) != 0;
    if (!(first || later) || ends || frames == kMostFrames) return ask();
    heard.settings |= first && whole;
    in_head |= block;
    if (!whole) break;
    bytes.remove_prefix(kFrameHead + frame.length);
  }
  heard.partial = in_head || !bytes.empty() || preface.size() < kPreface.size();
  return heard;
}

}  // namespace weft::http2
