#pragma once
// net::Address to sockaddr and back.

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "common/net/address.h"

namespace weft::transport {

class SocketAddress {
 public:
  SocketAddress() = default;
  explicit SocketAddress(const net::Address& from) {
    if (from.ip.v6) {
      auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage_);
      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons(from.port);
      std::memcpy(&v6->sin6_addr, from.ip.bytes.data(), 16);
      size_ = sizeof *v6;
    } else {
      auto* v4 = reinterpret_cast<sockaddr_in*>(&storage_);
      v4->sin_family = AF_INET;
      v4->sin_port = htons(from.port);
      std::memcpy(&v4->sin_addr, from.ip.bytes.data(), 4);
      size_ = sizeof *v4;
    }
  }

  // IPv4-mapped IPv6 becomes IPv4.
  net::Address ToAddress() const {
    net::Address out;
    if (storage_.ss_family == AF_INET) {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage_);
      std::memcpy(out.ip.bytes.data(), &v4->sin_addr, 4);
      out.port = ntohs(v4->sin_port);
    } else if (storage_.ss_family == AF_INET6) {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage_);
      out.port = ntohs(v6->sin6_port);
      out.ip.v6 = !IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
      const auto* bytes = reinterpret_cast<const char*>(&v6->sin6_addr);
      if (out.ip.v6)
        std::memcpy(out.ip.bytes.data(), bytes, 16);
      else
        std::memcpy(out.ip.bytes.data(), bytes + 12, 4);
    }
    return out;
  }

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  socklen_t* mutable_size() { return &size_; }

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = sizeof storage_;
};

}  // namespace weft::transport
