#include "controlplane/app/message_limit.h"

#include <absl/status/status.h>
#include <absl/types/variant.h>
#include <grpc/compression.h>
#include <grpc/slice_buffer.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <array>
#include <atomic>

// gRPC's own types, of which the function below only has pointers.
struct grpc_chttp2_stream;
namespace grpc_core {
class SliceBuffer;
}

namespace weft::control {

struct Pending {};  // grpc_core::Pending: more has to come
using Deframed = absl::variant<Pending, absl::Status>;

namespace {

std::atomic<std::int64_t> most_held{INT64_MAX};

// A message that gRPC's own check of the length refuses with its status; of memory that nobody touches.
void FillTooLong(grpc_slice_buffer& out) {
  static constinit std::array<char, 1U << 20U> nothing{};
  for (std::int64_t length = 0; length <= most_held; length += static_cast<std::int64_t>(nothing.size()))
    grpc_slice_buffer_add(&out, grpc_slice_from_static_buffer(nothing.data(), nothing.size()));
}

}  // namespace

void LimitMessages(grpc::ServerBuilder& builder, std::size_t client) {
  most_held = static_cast<std::int64_t>(std::max(client, kMaxGrpcMessage));
  builder.SetMaxReceiveMessageSize(static_cast<int>(kMaxGrpcMessage));
  builder.AddChannelArgument(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1 << GRPC_COMPRESS_NONE);
}

// `missing`: bytes until the message is whole. The names are the linker's: of gRPC's function with what
// --wrap puts before it.
Deframed
RealDeframe(grpc_chttp2_stream* stream, std::int64_t* missing, grpc_core::SliceBuffer* out, std::uint32_t* flags) __asm__(
    "__real__Z40grpc_deframe_unprocessed_incoming_framesP18grpc_chttp2_streamPlPN9grpc_core11SliceBufferEPj");
Deframed
Deframe(grpc_chttp2_stream* stream, std::int64_t* missing, grpc_core::SliceBuffer* out, std::uint32_t* flags) __asm__(
    "__wrap__Z40grpc_deframe_unprocessed_incoming_framesP18grpc_chttp2_streamPlPN9grpc_core11SliceBufferEPj");

Deframed Deframe(grpc_chttp2_stream* stream, std::int64_t* missing, grpc_core::SliceBuffer* out,
                 std::uint32_t* flags) {
  Deframed done = RealDeframe(stream, missing, out, flags);
  const bool waits = absl::holds_alternative<Pending>(done) && missing != nullptr;
  if (!waits || *missing <= most_held) return done;
  FillTooLong(*reinterpret_cast<grpc_slice_buffer*>(out));  // it has that one member
  return absl::OkStatus();
}

}  // namespace weft::control
