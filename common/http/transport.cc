#include "common/http/transport.h"

namespace weft::http {

void PlainTransport::Read(boost::asio::mutable_buffer into, Done done) {
  stream_.async_read_some(into, std::move(done));
}

void PlainTransport::Write(const Buffers& from, Done done) {
  stream_.async_write_some(from, std::move(done));
}

}  // namespace weft::http
