#include "controlplane/intake/dns/answer.h"

#include <ares.h>

#include <algorithm>

namespace weft::intake::dns {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::uint32_t kLongestTtl = 0x7fffffff;  // RFC 2181 8: more is zero

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> message) : message_(message) {}

  bool ok() const { return ok_; }
  std::size_t at() const { return at_; }
  void Skip(std::size_t count) { Take(count); }
  std::uint16_t Number() {
    const std::uint8_t* bytes = Take(2);
    return bytes == nullptr ? std::uint16_t{0} : static_cast<std::uint16_t>(bytes[0] << 8U | bytes[1]);
  }
  std::uint32_t Long() {
    const std::uint32_t high = Number();
    return high << 16U | Number();
  }
  std::string Name() {
    char* name = nullptr;
    long length = 0;
    if (!ok_ || at_ >= message_.size() ||
        ares_expand_name(message_.data() + at_, message_.data(), static_cast<int>(message_.size()), &name,
                         &length) != ARES_SUCCESS) {
      ok_ = false;
      return {};
    }
    std::string out(name);
    ares_free_string(name);
    Take(static_cast<std::size_t>(length));
    return out;
  }
  const std::uint8_t* Take(std::size_t count) {
    if (!ok_ || message_.size() - at_ < count) {
      ok_ = false;
      return nullptr;
    }
    at_ += count;
    return message_.data() + at_ - count;
  }

 private:
  std::span<const std::uint8_t> message_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

void ReadAddress(Reader& reader, std::size_t length, std::vector<net::Ip>& out) {
  const std::uint8_t* bytes = reader.Take(length);
  if (bytes == nullptr) return;
  net::Ip ip;
  ip.v6 = length == 16;
  std::copy_n(bytes, length, ip.bytes.begin());
  out.push_back(ip);
}

void ReadSrv(Reader& reader, Answer& out) {
  Srv srv;
  srv.priority = reader.Number();
  srv.weight = reader.Number();
  srv.port = reader.Number();
  srv.target = reader.Name();
  if (srv.target.empty()) srv.target = ".";
  if (reader.ok()) out.services.push_back(std::move(srv));
}

// False: the message makes no sense from here on.
bool ReadRecord(Reader& reader, Answer& out, bool first) {
  (void)reader.Name();
  const std::uint16_t type = reader.Number(), dns_class = reader.Number();
  const std::uint32_t seconds = reader.Long();
  const std::size_t length = reader.Number();
  const std::size_t end = reader.at() + length;
  if (!reader.ok()) return false;
  const Duration ttl = std::chrono::seconds(seconds > kLongestTtl ? 0 : seconds);
  out.ttl = first ? ttl : std::min(out.ttl, ttl);
  const bool internet = dns_class == 1;
  if (internet && type == static_cast<std::uint16_t>(Type::kA) && length == 4) {
    ReadAddress(reader, length, out.addresses);
  } else if (internet && type == static_cast<std::uint16_t>(Type::kAaaa) && length == 16) {
    ReadAddress(reader, length, out.addresses);
  } else if (internet && type == static_cast<std::uint16_t>(Type::kSrv) && length > 6) {
    ReadSrv(reader, out);
  } else {
    reader.Skip(length);
  }
  if (reader.at() != end) reader.Skip(SIZE_MAX);  // a record of another length than it says
  return reader.ok();
}

}  // namespace

Result<Answer> ReadAnswer(std::span<const std::uint8_t> message) {
  Reader reader(message);
  reader.Skip(4);  // id and flags: the resolver looked at them
  const std::uint16_t questions = reader.Number(), answers = reader.Number();
  reader.Skip(kHeader - 8);
  for (std::uint16_t i = 0; i < questions && reader.ok(); ++i) {
    (void)reader.Name();
    reader.Skip(4);
  }
  Answer out;
  for (std::uint16_t i = 0; i < answers && reader.ok(); ++i) {
    if (i == kMostRecords) return Invalid("a DNS answer has more than 1000 records");
    if (!ReadRecord(reader, out, i == 0)) break;
  }
  if (!reader.ok()) return Invalid("a DNS answer is cut off or malformed");
  return out;
}

}  // namespace weft::intake::dns
