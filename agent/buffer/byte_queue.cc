#include "agent/buffer/byte_queue.h"

#include <algorithm>
#include <cstring>

namespace weft::buffer {

Slab::~Slab() {
  while (free_ != nullptr) {
    Block* next = free_->next;
    delete free_;
    free_ = next;
  }
}

Block* Slab::Take() {
  ++lent_;
  if (free_ == nullptr) return new Block;  // NOLINT: not value-initialised on purpose
  Block* block = free_;
  free_ = block->next;
  --free_count_;
  block->next = nullptr;
  block->begin = block->end = 0;
  return block;
}

void Slab::Give(Block* block) {
  --lent_;
  if (free_count_ >= keep_) {
    delete block;
    return;
  }
  block->next = free_;
  free_ = block;
  ++free_count_;
}

void ByteQueue::Append(std::string_view bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    if (tail_ == nullptr || tail_->end == sizeof tail_->bytes) {
      Block* block = slab_->Take();
      (tail_ == nullptr ? head_ : tail_->next) = block;
      tail_ = block;
    }
    const std::size_t part = std::min(bytes.size(), sizeof tail_->bytes - tail_->end);
    std::memcpy(tail_->bytes + tail_->end, bytes.data(), part);
    tail_->end += static_cast<std::uint32_t>(part);
    bytes.remove_prefix(part);
  }
}

void ByteQueue::Drop(std::size_t bytes) {
  size_ -= bytes;
  while (bytes > 0) {
    const std::size_t part = std::min<std::size_t>(bytes, head_->end - head_->begin);
    head_->begin += static_cast<std::uint32_t>(part);
    bytes -= part;
    if (head_->begin < head_->end) break;
    Block* next = head_->next;
    slab_->Give(head_);
    head_ = next;
    if (head_ == nullptr) tail_ = nullptr;
  }
}

void ByteQueue::Clear() { Drop(size_); }

int ByteQueue::Pieces(iovec* out, int most) const {
  int count = 0;
  for (Block* block = head_; block != nullptr && count < most; block = block->next) {
    out[count++] = iovec{block->bytes + block->begin, block->end - block->begin};
  }
  return count;
}

std::string_view ByteQueue::Front() const {
  if (head_ == nullptr) return {};
  return {head_->bytes + head_->begin, head_->end - head_->begin};
}

}  // namespace weft::buffer
