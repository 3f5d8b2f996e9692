#include "agent/detect/proxy_header.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace weft::detect {
namespace {

using State = ProxyHeader::State;

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kMostLine = 107;  // of version 1, with its CRLF
constexpr std::size_t kFixed = 16;      // of version 2
constexpr unsigned char kTcp4 = 0x11, kTcp6 = 0x21;

ProxyHeader Garbage() { return {State::kGarbage, 0, {}, {}}; }

std::string_view TakeWord(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

net::Ip Unmapped(const net::Ip& ip) {
  constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (!ip.v6 || !std::equal(kMapped.begin(), kMapped.end(), ip.bytes.begin())) return ip;
  return net::Ip::V4(ip.bytes[12], ip.bytes[13], ip.bytes[14], ip.bytes[15]);
}

std::optional<net::Address> AddressFrom(std::string_view ip, std::string_view port, bool v6) {
  const auto parsed = net::Ip::Parse(ip);
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  const bool written_v6 = ip.find(':') != std::string_view::npos;  // also IPv4 in its IPv6 form
  if (!parsed || written_v6 != v6 || error != std::errc() || end != port.data() + port.size()) return {};
  return net::Address{Unmapped(*parsed), number};
}

// "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443" CRLF
ProxyHeader ReadLine(std::string_view bytes) {
  constexpr std::string_view kBegin = "PROXY ";
  const std::size_t common = std::min(bytes.size(), kBegin.size());
  if (bytes.substr(0, common) != kBegin.substr(0, common)) return Garbage();
  const std::size_t end = bytes.substr(0, kMostLine).find('\n');
  if (end == std::string_view::npos) return bytes.size() < kMostLine ? ProxyHeader{} : Garbage();
  if (bytes[end - 1] != '\r') return Garbage();
  ProxyHeader out{State::kWhole, end + 1, {}, {}};
  std::string_view line = bytes.substr(kBegin.size(), end - 1 - kBegin.size());
  const std::string_view family = TakeWord(line);
  if (family == "UNKNOWN") return out;
  const bool v6 = family == "TCP6";
  if (!v6 && family != "TCP4") return Garbage();
  const std::string_view from = TakeWord(line), to = TakeWord(line), from_port = TakeWord(line);
  out.source = AddressFrom(from, from_port, v6);
  out.destination = AddressFrom(to, line, v6);
  return out.source && out.destination ? out : Garbage();
}

std::uint16_t Port(std::string_view two) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(two[0]) << 8 |
                                    static_cast<unsigned char>(two[1]));
}

net::Address AddressAt(std::string_view ip, std::string_view port) {
  net::Address out;
  out.ip.v6 = ip.size() == 16;
  std::copy(ip.begin(), ip.end(), out.ip.bytes.begin());
  out.ip = Unmapped(out.ip);
  out.port = Port(port);
  return out;
}

ProxyHeader ReadBinary(std::string_view bytes) {
  const std::size_t common = std::min(bytes.size(), kSignature.size());
  if (bytes.substr(0, common) != kSignature.substr(0, common)) return Garbage();
  if (bytes.size() < kFixed) return {};
  const auto version = static_cast<unsigned char>(bytes[12]), family = static_cast<unsigned char>(bytes[13]);
  ProxyHeader out{State::kWhole, kFixed + Port(bytes.substr(14, 2)), {}, {}};
  const bool local = version == 0x20;
  if ((!local && version != 0x21) || out.size > kMostProxyHeader) return Garbage();
  if (bytes.size() < out.size) return {};
  if (local || (family != kTcp4 && family != kTcp6)) return out;
  const std::size_t width = family == kTcp4 ? 4 : 16;
  const std::string_view addresses = bytes.substr(kFixed, out.size - kFixed);
  if (addresses.size() < 2 * width + 4) return Garbage();
  out.source = AddressAt(addresses.substr(0, width), addresses.substr(2 * width, 2));
  out.destination = AddressAt(addresses.substr(width, width), addresses.substr(2 * width + 2, 2));
  return out;
}

// IPv4 in its IPv6 form where the other one is IPv6.
std::string IpBytes(const net::Ip& ip, bool v6) {
  const std::string bytes(ip.bytes.begin(), ip.bytes.begin() + (ip.v6 ? 16 : 4));
  return v6 && !ip.v6 ? std::string(10, '\0') + "\xff\xff" + bytes : bytes;
}

std::string IpText(const net::Ip& ip, bool v6) { return (v6 && !ip.v6 ? "::ffff:" : "") + ip.ToString(); }

std::string PortBytes(std::uint16_t port) {
  return {static_cast<char>(port >> 8), static_cast<char>(port & 0xff)};
}

}  // namespace

ProxyHeader ReadProxyHeader(std::string_view bytes) {
  if (bytes.empty()) return {};
  return bytes[0] == 'P' ? ReadLine(bytes) : ReadBinary(bytes);
}

std::string WriteProxyHeader(int version, const net::Address& source, const net::Address& destination) {
  const bool v6 = source.ip.v6 || destination.ip.v6;
  if (version == 1) {
    return std::string(v6 ? "PROXY TCP6 " : "PROXY TCP4 ") + IpText(source.ip, v6) + ' ' +
           IpText(destination.ip, v6) + ' ' + std::to_string(source.port) + ' ' +
           std::to_string(destination.port) + "\r\n";
  }
  const std::string addresses = IpBytes(source.ip, v6) + IpBytes(destination.ip, v6) +
                                PortBytes(source.port) + PortBytes(destination.port);
  return std::string(kSignature) + '\x21' + static_cast<char>(v6 ? kTcp6 : kTcp4) +
         PortBytes(static_cast<std::uint16_t>(addresses.size())) + addresses;
}

}  // namespace weft::detect
