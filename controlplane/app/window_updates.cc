#include "controlplane/app/window_updates.h"

#include <cstdint>

// gRPC's own types: of the first only a pointer is passed on, the second as in its flow_control.h.
namespace grpc_core::chttp2 {

class StreamFlowControl;

enum class Urgency : std::uint8_t { kNone, kNow, kWithNextWrite };

struct FlowControlAction {
  Urgency stream = Urgency::kNone, transport = Urgency::kNone, initial = Urgency::kNone,
          frame = Urgency::kNone;
  std::uint32_t initial_window_size = 0, max_frame_size = 0;
};
static_assert(sizeof(FlowControlAction) == 12);

}  // namespace grpc_core::chttp2

namespace weft::control {

using grpc_core::chttp2::FlowControlAction;
using grpc_core::chttp2::StreamFlowControl;
using grpc_core::chttp2::Urgency;

// The names are the linker's: of gRPC's functions, the first with what --wrap puts before it.
FlowControlAction RealUpdateAction(StreamFlowControl* stream, FlowControlAction action) __asm__(
    "__real__ZN9grpc_core6chttp217StreamFlowControl12UpdateActionENS0_17FlowControlActionE");
FlowControlAction UpdateAction(StreamFlowControl* stream, FlowControlAction action) __asm__(
    "__wrap__ZN9grpc_core6chttp217StreamFlowControl12UpdateActionENS0_17FlowControlActionE");
std::int64_t DesiredAnnounceSize(const StreamFlowControl* stream) __asm__(
    "_ZNK9grpc_core6chttp217StreamFlowControl19DesiredAnnounceSizeEv");

FlowControlAction UpdateAction(StreamFlowControl* stream, FlowControlAction action) {
  FlowControlAction done = RealUpdateAction(stream, action);
  if (done.stream == Urgency::kNow && DesiredAnnounceSize(stream) <= kLateUpdate)
    done.stream = Urgency::kWithNextWrite;
  return done;
}

}  // namespace weft::control
