#pragma once
// The folder of a store: made, and locked against a second process until the lock is destroyed.

#include <string>

#include "common/result/result.h"

namespace weft::store::sqlite {

class FolderLock {
 public:
  static Result<FolderLock> Take(
      const std::string& folder);  // kConflict: another process has it, named by its pid
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

std::string RandomStoreId();  // 32 hex digits from the kernel

}  // namespace weft::store::sqlite
