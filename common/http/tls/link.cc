#include "common/http/tls/link.h"

namespace weft::http::tls {

void Link::Read(boost::asio::mutable_buffer into, Done done) {
  stream_.async_read_some(into, std::move(done));
}

void Link::Write(const Buffers& from, Done done) { stream_.async_write_some(from, std::move(done)); }

void Link::Shut(std::function<void()> done) {
  stream_.async_shutdown([done = std::move(done)](boost::system::error_code) { done(); });
}

}  // namespace weft::http::tls
