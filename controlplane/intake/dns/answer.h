#pragma once
// The answer section of a DNS message (RFC 1035 4.1; SRV: RFC 2782): addresses, services and the shortest
// time to live, which c-ares 1.18 does not give for SRV. Pure.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/net/address.h"
#include "common/time/time.h"

namespace weft::intake::dns {

enum class Type : std::uint16_t { kA = 1, kAaaa = 28, kSrv = 33 };

struct Srv {
  std::uint16_t priority = 0, weight = 0, port = 0;
  std::string target;  // "." is no service (RFC 2782); without the last dot otherwise
};

struct Answer {
  std::vector<net::Ip> addresses;  // of A and AAAA records, whatever their owner: aliases are resolved
  std::vector<Srv> services;
  Duration ttl{};  // the shortest of all records; zero: none, or there is no record
};

inline constexpr std::size_t kMostRecords = 1000;

Result<Answer> ReadAnswer(std::span<const std::uint8_t> message);

}  // namespace weft::intake::dns
