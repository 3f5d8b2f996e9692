#pragma once
// What a TLS client asks for: server_name (RFC 6066 3) and protocols (ALPN, RFC 7301) of a ClientHello (RFC
// 8446 4.1.2, also of TLS 1.0 to 1.2), read from the first bytes of a connection, which go on as they came.
// The hello may come in any number of pieces and be cut over any number of records. Thread rule: plain value.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weft::detect {

class ClientHello {
 public:
  enum class State : std::uint8_t {
    kMore,     // so far a ClientHello: wait for more
    kWhole,    // server_name() says what it asks for
    kGarbage,  // none; no more bytes will change that
  };
  static constexpr std::size_t kMost = 64 * 1024;  // bytes with record headers; a longer one is garbage

  // `bytes`: all that came so far, from the connection's first byte. They may only grow between calls.
  State Read(std::string_view bytes);
  // Lower case, without a dot at its end; empty: it names none, or none that is a host name.
  const std::string& server_name() const { return name_; }
  bool Offers(std::string_view protocol) const;  // kWhole: by ALPN

 private:
  bool TakeRecords(std::string_view bytes);
  std::size_t Announced() const;
  State Parse();

  State state_ = State::kMore;
  std::size_t taken_ = 0;   // of the bytes, in whole or cut records
  std::size_t record_ = 0;  // bytes of the current record still to come
  std::string hello_;       // handshake message, record headers removed
  std::string name_;
  std::string protocols_;  // as they came: each behind a byte that is its length
};

}  // namespace weft::detect
