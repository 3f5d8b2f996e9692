#include "controlplane/app/outstanding_tags.h"

#include <absl/status/status.h>
#include <grpc/support/alloc.h>
#include <grpc/support/sync.h>

#include <algorithm>
#include <cstdint>

#include "controlplane/app/inside_grpc.h"

// gRPC's own types: the beginning of the first as in its completion_queue.cc, of the second only a pointer.
struct grpc_cq_completion;
struct grpc_completion_queue {
  const char* trace;
  std::intptr_t references;
  gpr_mu* mutex;
  const void* functions;
  const void* poller;
  void** tags;  // begun and not ended
  std::size_t count, capacity;
};

namespace weft::control {

using Done = void (*)(void* argument, grpc_cq_completion* storage);

// The names are the linker's: of gRPC's functions with what --wrap puts before them.
bool RealBegin(grpc_completion_queue* queue,
               void* tag) __asm__("__real__Z16grpc_cq_begin_opP21grpc_completion_queuePv");
bool Begin(grpc_completion_queue* queue,
           void* tag) __asm__("__wrap__Z16grpc_cq_begin_opP21grpc_completion_queuePv");
void RealEnd(grpc_completion_queue* queue, void* tag, absl::Status error, Done done, void* argument, grpc_cq_completion* storage, bool internal) __asm__(
    "__real__Z14grpc_cq_end_opP21grpc_completion_queuePvN4absl7debian36StatusEPFvS1_P18grpc_cq_completionES1_"
    "S6_b");
void End(grpc_completion_queue* queue, void* tag, absl::Status error, Done done, void* argument, grpc_cq_completion* storage, bool internal) __asm__(
    "__wrap__Z14grpc_cq_end_opP21grpc_completion_queuePvN4absl7debian36StatusEPFvS1_P18grpc_cq_completionES1_"
    "S6_b");

namespace {

class Locked {
 public:
  explicit Locked(const grpc_completion_queue& queue) : mutex_(queue.mutex) { gpr_mu_lock(mutex_); }
  ~Locked() { gpr_mu_unlock(mutex_); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  gpr_mu* const mutex_;
};

// Of a queue whose first operation was just begun.
bool HasArray(const grpc_completion_queue& queue, const void* tag) {
  const Locked lock(queue);
  return queue.tags != nullptr && queue.count == 1 && queue.capacity == 4 && queue.tags[0] == tag;
}

bool NotesTags(const grpc_completion_queue& queue, const void* tag) {
  static const bool notes = HasArray(queue, tag);
  return notes;
}

void Forget(grpc_completion_queue& queue, void* tag) {
  const Locked lock(queue);
  void** const end = queue.tags + queue.count;
  void** const found = std::find(queue.tags, end, tag);
  if (found == end) return;
  *found = end[-1];
  --queue.count;
}

void Remember(grpc_completion_queue& queue, void* tag) {
  const Locked lock(queue);
  if (queue.count == queue.capacity) {
    queue.capacity *= 2;
    queue.tags = static_cast<void**>(gpr_realloc(queue.tags, queue.capacity * sizeof *queue.tags));
  }
  queue.tags[queue.count++] = tag;
}

}  // namespace

bool Begin(grpc_completion_queue* queue, void* tag) {
  const bool begun = RealBegin(queue, tag);
  if (NotesTags(*queue, tag)) Forget(*queue, tag);
  return begun;
}

void End(grpc_completion_queue* queue, void* tag, absl::Status error, Done done, void* argument,
         grpc_cq_completion* storage, bool internal) {
  if (NotesTags(*queue, tag)) {
    Count(inside_grpc.unsearched_tags);
    Remember(*queue, tag);
  }
  RealEnd(queue, tag, std::move(error), done, argument, storage, internal);
}

}  // namespace weft::control
