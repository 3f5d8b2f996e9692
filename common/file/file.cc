#include "common/file/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weft::file {
namespace {

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, mode_t mode)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  bool ok() const { return fd_ >= 0; }
  bool Sync() const { return ::fsync(fd_) == 0; }
  bool Write(std::string_view bytes) const;
  bool Read(std::string& out, std::size_t most) const;

 private:
  int fd_;
};

bool Descriptor::Write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool Descriptor::Read(std::string& out, std::size_t most) const {
  struct stat info {};
  if (::fstat(fd_, &info) != 0) return false;
  if (!S_ISREG(info.st_mode) || info.st_size > static_cast<off_t>(most)) {
    errno = EFBIG;
    return false;
  }
  out.resize(static_cast<std::size_t>(info.st_size));
  std::size_t got = 0;
  while (got < out.size()) {
    const ssize_t n = ::read(fd_, out.data() + got, out.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  out.resize(got);
  return true;
}

Error Failed(const std::string& what, const std::string& path) {
  return Error{ErrorKind::kInternal, "cannot " + what + ": " + std::strerror(errno), {}, path};
}

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

}  // namespace

Result<std::string> Read(const std::string& path, std::size_t most) {
  const Descriptor file(path, O_RDONLY, 0);
  if (!file.ok() && errno == ENOENT) return Error{ErrorKind::kNotFound, "there is none yet", {}, path};
  std::string bytes;
  if (!file.ok() || !file.Read(bytes, most)) return Failed("read", path);
  return bytes;
}

Status Replace(const std::string& path, std::string_view bytes, bool others_may_read) {
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());  // it might have another mode
  {
    const Descriptor file(fresh, O_WRONLY | O_CREAT | O_TRUNC, others_may_read ? 0644 : 0600);
    if (!file.ok()) return Failed("create", fresh);
    if (!file.Write(bytes) || !file.Sync()) {
      const Error error = Failed("write", fresh);
      ::unlink(fresh.c_str());
      return error;
    }
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return Failed("rename into place", path);
  const Descriptor folder(FolderOf(path), O_RDONLY | O_DIRECTORY, 0);
  if (!folder.ok() || !folder.Sync()) return Failed("sync the folder of", path);
  return {};
}

}  // namespace weft::file
