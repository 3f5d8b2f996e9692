// LD_PRELOAD library that counts calls of malloc and friends in a process and prints the total to the file
// named by WEFT_ALLOCATIONS on SIGUSR1: two signals around a known number of requests give allocations per
// request.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

namespace {

std::atomic<unsigned long> calls{0};

void Write(int) {
  const char* path = std::getenv("WEFT_ALLOCATIONS");
  if (path == nullptr) return;
  char text[32];
  const int size = std::snprintf(text, sizeof text, "%lu\n", calls.load());
  const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return;
  if (write(fd, text, static_cast<std::size_t>(size)) < 0) std::abort();
  close(fd);
}

__attribute__((constructor)) void Install() { std::signal(SIGUSR1, Write); }

}  // namespace

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
  calls.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  calls.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  calls.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  calls.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, size);
}
}
