#pragma once
// Fewer WINDOW_UPDATE frames of gRPC's server: as soon as a stream read one byte it tells its peer so, in a
// TLS record and a system call of their own, so that each acknowledgement of an agent (200 bytes of a window
// of 64 KiB) was answered by a message. Here what is less than a quarter of the window waits for the next
// message that is written anyway. The peer always has more than the rest of the window, or what its message
// still lacks, whichever is more, so nobody waits for a window that nobody tells. The linker's --wrap
// (controlplane/folders.cmake) puts the function in the place of gRPC's.

#include <cstdint>

namespace weft::control {

inline constexpr std::int64_t kLateUpdate = 16 << 10;  // bytes

}  // namespace weft::control
