#pragma once
// Bytes that wait for a socket, in blocks lent by the worker's slab, so a connection with nothing to say owns
// none. Thread rule: one worker.

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace weft::buffer {

inline constexpr std::size_t kBlockBytes = 16 * 1024;

struct Block {
  Block* next = nullptr;
  std::uint32_t begin = 0, end = 0;
  char bytes[kBlockBytes - 16];
};

// Free list of blocks. Keeps at most `keep` free; the rest goes back to the system.
class Slab {
 public:
  explicit Slab(std::size_t keep = 64) : keep_(keep) {}
  ~Slab();
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  Block* Take();
  void Give(Block* block);
  std::size_t lent() const { return lent_; }  // blocks outside

 private:
  Block* free_ = nullptr;
  std::size_t free_count_ = 0;
  std::size_t keep_;
  std::size_t lent_ = 0;
};

class ByteQueue {
 public:
  explicit ByteQueue(Slab& slab) : slab_(&slab) {}
  ~ByteQueue() { Clear(); }
  ByteQueue(const ByteQueue&) = delete;
  ByteQueue& operator=(const ByteQueue&) = delete;

  void Append(std::string_view bytes);
  // To write behind the last byte without a copy: free bytes, at least one; then how many were written.
  std::span<char> Tail();
  void Wrote(std::size_t bytes);
  void Drop(std::size_t bytes);  // from the front; at most size()
  void Clear() {
    if (head_ != nullptr) Drop(size_);
  }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Up to `most` pieces from the front; how many were filled in.
  int Pieces(iovec* out, int most) const;
  std::string_view Front() const;  // the first contiguous piece

 private:
  Slab* slab_;
  Block* head_ = nullptr;
  Block* tail_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace weft::buffer
