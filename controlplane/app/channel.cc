#include "controlplane/app/channel.h"

#include <absl/synchronization/mutex.h>
#include <grpcpp/grpcpp.h>
#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>

#include "controlplane/app/connection_memory.h"

namespace weft::control {

void TuneForManyAgents(grpc::ServerBuilder& builder) {
  // Agents ping an idle stream every 30 s; by default gRPC would answer with GOAWAY (too_many_pings).
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10000);
  // Pings that measure the bandwidth would answer each acknowledgement of a few bytes.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  // One that connects and then says nothing.
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10000);
  // An agent has two streams; proxies and programs of the API may have more.
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 1000);
  // Buffers that every connection keeps.
  builder.AddChannelArgument(GRPC_ARG_TCP_READ_CHUNK_SIZE, 4096);
  builder.AddChannelArgument(GRPC_ARG_TCP_MIN_READ_CHUNK_SIZE, 256);
  builder.AddChannelArgument(GRPC_ARG_TCP_MAX_READ_CHUNK_SIZE, 64 << 10);
  builder.AddChannelArgument(GRPC_ARG_TSI_MAX_FRAME_SIZE, static_cast<int>(kTlsRecord));
}

void TuneProcessForManyAgents() {
  // Debian's abseil looks for cycles among gRPC's locks: a tenth of what an agent costs.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // Each arena keeps memory of its own that others could use.
  mallopt(M_ARENA_MAX, 2);
  // A thread that is woken does not take the processor from the one that wakes it: with one message to each
  // of many agents those were two switches per message, a fifth of what it costs.
  const sched_param none{};
  sched_setscheduler(0, SCHED_BATCH, &none);
}

unsigned long RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace weft::control
