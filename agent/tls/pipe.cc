#include <algorithm>
#include <cstring>

#include "agent/tls/library.h"

namespace weft::tls {
namespace {

int ReadPipe(BIO* bio, char* into, int most) {
  auto& pipe = *static_cast<Pipe*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (pipe.in.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t size = std::min(pipe.in.size(), static_cast<std::size_t>(most));
  std::memcpy(into, pipe.in.data(), size);
  pipe.in.remove_prefix(size);
  return static_cast<int>(size);
}

int WritePipe(BIO* bio, const char* bytes, int size) {
  static_cast<Pipe*>(BIO_get_data(bio))->out->append(bytes, static_cast<std::size_t>(size));
  return size;
}

long ControlPipe(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

}  // namespace

BIO* NewPipe(Pipe& pipe) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weft");
    BIO_meth_set_read(made, ReadPipe);
    BIO_meth_set_write(made, WritePipe);
    BIO_meth_set_ctrl(made, ControlPipe);
    return made;
  }();
  BIO* bio = BIO_new(method);
  BIO_set_data(bio, &pipe);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace weft::tls
