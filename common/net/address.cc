#include "common/net/address.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace weft::net {

Ip Ip::V4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  Ip ip;
  ip.bytes = {a, b, c, d};
  return ip;
}

Result<Ip> Ip::Parse(std::string_view text) {
  Ip ip;
  const std::string copy(text);
  if (inet_pton(AF_INET, copy.c_str(), ip.bytes.data()) == 1) return ip;
  if (inet_pton(AF_INET6, copy.c_str(), ip.bytes.data()) == 1) {
    ip.v6 = true;
    return ip;
  }
  return Invalid("'" + copy + "' is not an IP address");
}

std::string Ip::ToString() const {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof text);
  return text;
}

bool Ip::IsLoopback() const {
  static constexpr std::array<std::uint8_t, 16> kV6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return v6 ? bytes == kV6 : bytes[0] == 127;
}

bool Ip::IsAny() const { return bytes == std::array<std::uint8_t, 16>{}; }

Result<std::uint16_t> ParsePort(std::string_view text) {
  unsigned value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || value > 65535) {
    return Invalid("'" + std::string(text) + "' is not a port (0 to 65535)");
  }
  return static_cast<std::uint16_t>(value);
}

Result<HostPort> HostPort::Parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return Invalid("'" + std::string(text) + "' is not host:port");
  }
  std::string_view host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']' && host.size() > 2) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return Invalid("'" + std::string(text) + "': an IPv6 address needs brackets");
  }
  const Result<std::uint16_t> port = ParsePort(text.substr(colon + 1));
  if (!port) return port.error();
  return HostPort{std::string(host), *port};
}

Result<Address> Address::Parse(std::string_view text) {
  const Result<HostPort> parts = HostPort::Parse(text);
  if (!parts) return parts.error();
  const Result<Ip> ip = Ip::Parse(parts->host);
  if (!ip) return ip.error();
  return Address{*ip, parts->port};
}

std::string Address::ToString() const {
  const std::string host = ip.v6 ? "[" + ip.ToString() + "]" : ip.ToString();
  return host + ":" + std::to_string(port);
}

Result<Cidr> Cidr::Parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const Result<Ip> base = Ip::Parse(text.substr(0, slash));
  if (!base) return base.error();
  const unsigned most = base->v6 ? 128 : 32;
  if (slash == std::string_view::npos) return Cidr{*base, static_cast<std::uint8_t>(most)};
  const Result<std::uint16_t> bits = ParsePort(text.substr(slash + 1));
  if (!bits || *bits > most) return Invalid("'" + std::string(text) + "' has no valid prefix length");
  return Cidr{*base, static_cast<std::uint8_t>(*bits)};
}

bool Cidr::Contains(const Ip& ip) const {
  if (ip.v6 != base.v6) return false;
  const std::size_t whole = bits / 8;
  if (std::memcmp(ip.bytes.data(), base.bytes.data(), whole) != 0) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - bits % 8));
  return ((ip.bytes[whole] ^ base.bytes[whole]) & mask) == 0;
}

std::string Cidr::ToString() const { return base.ToString() + "/" + std::to_string(bits); }

}  // namespace weft::net

std::size_t std::hash<weft::net::Address>::operator()(const weft::net::Address& a) const noexcept {
  std::uint64_t high = 0, low = 0;
  std::memcpy(&high, a.ip.bytes.data(), 8);
  std::memcpy(&low, a.ip.bytes.data() + 8, 8);
  std::uint64_t mixed = (high ^ (low * 0x9e3779b97f4a7c15U)) + a.port;
  mixed = (mixed ^ (mixed >> 29)) * 0xbf58476d1ce4e5b9U;
  return mixed ^ (mixed >> 32);
}
