#pragma once
// How often functions that the linker puts in the place of gRPC's own (controlplane/folders.cmake) changed
// something: a test notices by these counts when another gRPC or compiler no longer calls them. Late window
// updates (window_updates.h) show in `strace` of tests/scale/many.py only. Thread rule: any thread.

#include <atomic>
#include <cstdint>

namespace weft::control {

struct InsideGrpc {
  std::atomic<std::uint64_t> small_rings{0};      // connection_memory.h
  std::atomic<std::uint64_t> small_buffers{0};    // likewise
  std::atomic<std::uint64_t> unsearched_tags{0};  // outstanding_tags.h
};
inline InsideGrpc inside_grpc;

inline void Count(std::atomic<std::uint64_t>& what) { what.fetch_add(1, std::memory_order_relaxed); }

}  // namespace weft::control
