#include "controlplane/store/sqlite/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace weft::store::sqlite {
namespace {

Error FolderError(const std::string& folder, const std::string& what) {
  return {ErrorKind::kUnavailable,
          "cannot use the data folder " + folder + ": " + what + "; choose another with --data",
          {},
          {}};
}

std::string ReadPid(int fd) {
  char text[32];
  const ssize_t n = pread(fd, text, sizeof text, 0);
  return n > 0 ? std::string(text, static_cast<std::size_t>(n)) : std::string("unknown");
}

}  // namespace

Result<FolderLock> FolderLock::Take(const std::string& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return FolderError(folder, failed.message());
  const std::string path = folder + "/lock";
  FolderLock lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.fd_ < 0) return FolderError(folder, std::generic_category().message(errno));
  if (flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    return Error{ErrorKind::kConflict,
                 "the data folder " + folder + " is in use by process " + ReadPid(lock.fd_) +
                     "; stop it or choose another folder with --data",
                 {},
                 {}};
  }
  const std::string pid = std::to_string(getpid());
  // Only a help for people: a full disk must not keep a store from being read.
  if (ftruncate(lock.fd_, 0) == 0) static_cast<void>(!pwrite(lock.fd_, pid.data(), pid.size(), 0));
  return lock;
}

FolderLock::FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
FolderLock::~FolderLock() {
  if (fd_ >= 0) close(fd_);
}

std::string RandomStoreId() {
  unsigned char bytes[16];
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
    throw std::system_error(errno, std::generic_category(), "getrandom");
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : bytes) out.append({kHex[byte >> 4U], kHex[byte & 15U]});
  return out;
}

}  // namespace weft::store::sqlite
