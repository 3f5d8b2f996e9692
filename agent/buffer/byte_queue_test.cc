#include "agent/buffer/byte_queue.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace weft::buffer {
namespace {

std::string Contents(const ByteQueue& queue) {
  std::array<iovec, 64> pieces{};
  const int count = queue.Pieces(pieces.data(), 64);
  std::string all;
  for (int i = 0; i < count; ++i) {
    const iovec& piece = pieces[static_cast<std::size_t>(i)];
    all.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  return all;
}

TEST(ByteQueueTest, KeepsOrderAcrossBlocksAndPartialDrops) {
  Slab slab;
  ByteQueue queue(slab);
  std::string expected;
  for (int i = 0; i < 10'000; ++i) {
    const std::string word = std::to_string(i) + ",";
    queue.Append(word);
    expected += word;
  }
  EXPECT_EQ(Contents(queue), expected);
  std::size_t dropped = 0;
  for (std::size_t step = 1; !queue.empty(); step = step * 3 + 1) {
    const std::size_t part = std::min(step, queue.size());
    queue.Drop(part);
    dropped += part;
    EXPECT_EQ(Contents(queue), expected.substr(dropped));
  }
  EXPECT_EQ(slab.lent(), 0U);
}

TEST(ByteQueueTest, AnEmptyQueueOwnsNoBlock) {
  Slab slab;
  ByteQueue queue(slab);
  EXPECT_EQ(slab.lent(), 0U);
  queue.Append("x");
  EXPECT_EQ(slab.lent(), 1U);
  queue.Clear();
  EXPECT_EQ(slab.lent(), 0U);
}

TEST(SlabTest, GivesBackWhatItNeedNotKeep) {
  Slab slab(1);
  Block* a = slab.Take();
  Block* b = slab.Take();
  slab.Give(a);
  slab.Give(b);
  EXPECT_EQ(slab.lent(), 0U);
}

}  // namespace
}  // namespace weft::buffer
