#include "agent/codec/http2/impl.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "agent/codec/http2/opening.h"

namespace weft::http2 {
namespace {

// The version whose frames are composed in the only piece of memory of this size that a session begins with,
// and are of no more use when it has given them. (A client's holds the preface from the start.)
constexpr bool kSharesFrames = NGHTTP2_VERSION_NUM >> 8 == 0x0134;

}  // namespace

void* Session::Impl::Allocate(void* old, std::size_t bytes) {
  const bool frames = kSharesFrames && role == Role::kServer && heads.frames != nullptr && old == nullptr &&
                      !lent && bytes > FrameSpace::kBytes - 64 && bytes <= FrameSpace::kBytes;
  if (frames) return lent = true, heads.frames->bytes;
  if (old == nullptr || !lent || old != heads.frames->bytes) return std::realloc(old, bytes);
  void* const own = std::malloc(bytes);
  if (own == nullptr) return nullptr;
  lent = false;
  return std::memcpy(own, old, std::min(bytes, FrameSpace::kBytes));
}

void Session::Impl::Free(void* memory) {
  if (lent && memory == heads.frames->bytes)
    lent = false;
  else
    std::free(memory);
}

// Whether what came so far, `early`, can be answered without a session.
bool Session::Impl::Waits() {
  const Heard heard = Hear(early);
  early_head = heard.waits && heard.partial;
  if (heard.settings && (said & kSaidAck) == 0) {
    said |= kSaidAck;
    due += SettingsAck();
  }
  return heard.waits;
}

// What the session gives first went out without it.
bool Session::Impl::WasSaid(std::string_view frame) {
  const bool settings = frame[3] == NGHTTP2_SETTINGS, window = frame[3] == NGHTTP2_WINDOW_UPDATE;
  if (!settings && !window) return false;
  const std::uint8_t which = window ? kSaidWindow : (frame[4] & NGHTTP2_FLAG_ACK) ? kSaidAck : kSaidSettings;
  const bool was = (said & which) != 0;
  said &= static_cast<std::uint8_t>(~which);
  return was;
}

bool Session::Impl::Feed(std::string_view bytes) {
  const ssize_t read =
      nghttp2_session_mem_recv(session, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (read >= 0) return !calm;
  failed = true;
  const bool flood = read == NGHTTP2_ERR_FLOODED || read == NGHTTP2_ERR_TOO_MANY_SETTINGS ||
                     read == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
  nghttp2_session_terminate_session(session, flood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
  return false;
}

}  // namespace weft::http2
