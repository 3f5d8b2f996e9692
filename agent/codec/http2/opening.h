#pragma once
// A server's connection before its first request, while a few bytes do instead of a session: what is said
// first is always the same, and most of what clients say first asks for an acknowledgement at most. So a
// client that begins a head and never ends it costs about what it sent. Pure. Internal to this folder.

#include <string>
#include <string_view>

#include "agent/codec/http2/session.h"

namespace weft::http2 {

// SETTINGS, and WINDOW_UPDATE for the connection's window.
std::string FirstFrames(const Limits& limits);
std::string SettingsAck();
std::string GoawayFrame(ErrorCode code);  // before any stream

// Of the bytes that came so far, from the preface on.
struct Heard {
  bool waits = true;      // nothing in them needs a session yet
  bool settings = false;  // the client's SETTINGS are whole
  bool partial = false;   // part of the preface, of a frame or of a head is there
};
Heard Hear(std::string_view bytes);

}  // namespace weft::http2
