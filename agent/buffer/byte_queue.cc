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

std::span<char> ByteQueue::Tail() {
  if (tail_ == nullptr || tail_->end == sizeof tail_->bytes) {
    Block* block = slab_->Take();
    (tail_ == nullptr ? head_ : tail_->next) = block;
    tail_ = block;
  }
  return {tail_->bytes + tail_->end, sizeof tail_->bytes - tail_->end};
}

void ByteQueue::Wrote(std::size_t bytes) {
  tail_->end += static_cast<std::uint32_t>(bytes);
  size_ += bytes;
}

void ByteQueue::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::span<char> free = Tail();
    const std::size_t part = std::min(bytes.size(), free.size());
    std::memcpy(free.data(), bytes.data(), part);
    Wrote(part);
    bytes.remove_prefix(part);
  }
}

void ByteQueue::Drop(std::size_t bytes) {
  size_ -= bytes;
  if (size_ == 0 && head_ != nullptr && head_ == tail_) {  // nearly always
    slab_->Give(head_);
    head_ = tail_ = nullptr;
    return;
  }
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
