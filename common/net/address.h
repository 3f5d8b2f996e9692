#pragma once
// Addresses as values; no sockets here. IPv4 is kept as IPv4, never as a mapped IPv6 address.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/result/result.h"

namespace weft::net {

struct Ip {
  std::array<std::uint8_t, 16> bytes{};  // IPv4: the first four
  bool v6 = false;

  static Ip V4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d);
  static Result<Ip> Parse(std::string_view text);
  std::string ToString() const;
  bool IsLoopback() const;
  bool IsAny() const;
  friend bool operator==(const Ip&, const Ip&) = default;
  friend auto operator<=>(const Ip&, const Ip&) = default;
};

struct Address {
  Ip ip;
  std::uint16_t port = 0;

  // "127.0.0.1:80", "[::1]:80"; a name is refused.
  static Result<Address> Parse(std::string_view text);
  std::string ToString() const;
  friend bool operator==(const Address&, const Address&) = default;
  friend auto operator<=>(const Address&, const Address&) = default;
};

struct Cidr {
  Ip base;
  std::uint8_t bits = 0;

  static Result<Cidr> Parse(std::string_view text);  // "10.0.0.0/8"; without a slash: one address
  bool Contains(const Ip& ip) const;
  std::string ToString() const;
};

// "name:port" | "1.2.3.4:port" | "[::1]:port"; port is required and 0..65535.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
  static Result<HostPort> Parse(std::string_view text);
};

Result<std::uint16_t> ParsePort(std::string_view text);

}  // namespace weft::net

template <>
struct std::hash<weft::net::Address> {
  std::size_t operator()(const weft::net::Address& a) const noexcept;
};
