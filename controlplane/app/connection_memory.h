#pragma once
// What gRPC 1.51 keeps for each connection that it has no setting for, made smaller: the two rings between
// OpenSSL and the socket (17 KiB each; a record of ours is 2 KiB), and the two buffers beside them (8 KiB
// each), of which an agent's messages fill a few hundred bytes. The linker's --wrap
// (controlplane/folders.cmake) puts these functions in the place of gRPC's. While the handshake lasts the
// ring for what arrives stays as it is: gRPC loses what does not fit in.

#include <cstddef>

namespace weft::control {

inline constexpr std::size_t kTlsRecord = 2048;  // bytes that gRPC writes in one, GRPC_ARG_TSI_MAX_FRAME_SIZE
inline constexpr std::size_t kTlsRing = 2304;    // holds such a record and an alert
inline constexpr std::size_t kStagingBuffer = 2048;  // instead of kTheirStagingBuffer
inline constexpr std::size_t kTheirStagingBuffer = 8192;

}  // namespace weft::control
