#include "agent/detect/client_hello.h"

#include <algorithm>

namespace weft::detect {
namespace {

constexpr std::size_t kRecordHeader = 5, kHandshakeHeader = 4;
constexpr std::size_t kMostRecord = 16 * 1024;
constexpr char kHandshake = 22, kHello = 1;
constexpr std::size_t kServerName = 0, kProtocols = 16;  // types of extensions

std::size_t Number(std::string_view bytes) {
  std::size_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

// Reads a part of a message from its front; once something is missing, everything is.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  std::string_view Take(std::size_t count) {
    failed_ |= count > bytes_.size();
    if (failed_) return {};
    const std::string_view part = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return part;
  }
  std::size_t TakeNumber(std::size_t width) { return Number(Take(width)); }
  std::string_view TakeVector(std::size_t width) { return Take(TakeNumber(width)); }  // behind its length
  bool empty() const { return bytes_.empty(); }
  bool failed() const { return failed_; }

 private:
  std::string_view bytes_;
  bool failed_ = false;
};

bool IsHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

// Empty when it is no host name.
std::string HostName(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  std::string name(text);
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return name.size() <= 253 && std::all_of(name.begin(), name.end(), IsHostCharacter) ? name : std::string();
}

// The first name of type host_name.
std::string NameIn(std::string_view extension) {
  Reader names(Reader(extension).TakeVector(2));
  while (!names.empty() && !names.failed()) {
    const std::size_t type = names.TakeNumber(1);
    const std::string_view name = names.TakeVector(2);
    if (type == 0 && !names.failed()) return HostName(name);
  }
  return {};
}

}  // namespace

ClientHello::State ClientHello::Read(std::string_view bytes) {
  if (state_ != State::kMore) return state_;
  if (!TakeRecords(bytes)) return state_ = State::kGarbage;
  const std::size_t size = Announced();
  if (size == 0) return bytes.size() < kMost ? state_ : state_ = State::kGarbage;
  if (hello_[0] != kHello || size > kMost) return state_ = State::kGarbage;
  if (hello_.size() >= size) return state_ = Parse();
  return bytes.size() < kMost ? state_ : state_ = State::kGarbage;
}

bool ClientHello::Offers(std::string_view protocol) const {
  Reader protocols(protocols_);
  while (!protocols.empty() && !protocols.failed()) {
    if (protocols.TakeVector(1) == protocol) return state_ == State::kWhole;
  }
  return false;
}

// Of the handshake message with its header; zero: not known yet.
std::size_t ClientHello::Announced() const {
  if (hello_.size() < kHandshakeHeader) return 0;
  return kHandshakeHeader + Number(std::string_view(hello_).substr(1, 3));
}

// Moves what the records carry into hello_, until it is whole. False: this is no TLS.
bool ClientHello::TakeRecords(std::string_view bytes) {
  while (taken_ < bytes.size() && (Announced() == 0 || hello_.size() < Announced())) {
    const std::string_view rest = bytes.substr(taken_);
    if (record_ == 0) {
      if (rest[0] != kHandshake || (rest.size() > 1 && rest[1] != 3)) return false;
      if (rest.size() < kRecordHeader) return true;
      record_ = Number(rest.substr(3, 2));
      if (record_ == 0 || record_ > kMostRecord) return false;
      taken_ += kRecordHeader;
      continue;
    }
    const std::string_view part = rest.substr(0, record_);
    hello_ += part;
    taken_ += part.size();
    record_ -= part.size();
    if (hello_.size() >= kMost) return true;
  }
  return true;
}

ClientHello::State ClientHello::Parse() {
  Reader hello(
      std::string_view(hello_).substr(kHandshakeHeader, Number(std::string_view(hello_).substr(1, 3))));
  hello.Take(2 + 32);   // version, random
  hello.TakeVector(1);  // session id
  hello.TakeVector(2);  // cipher suites
  hello.TakeVector(1);  // compression methods
  if (hello.failed()) return State::kGarbage;
  if (hello.empty()) return State::kWhole;  // no extensions
  Reader extensions(hello.TakeVector(2));
  while (!hello.failed() && !extensions.empty() && !extensions.failed()) {
    const std::size_t type = extensions.TakeNumber(2);
    const std::string_view extension = extensions.TakeVector(2);
    if (extensions.failed()) break;
    if (type == kServerName && name_.empty()) name_ = NameIn(extension);
    if (type == kProtocols) protocols_ = Reader(extension).TakeVector(2);
  }
  if (!hello.failed() && !extensions.failed()) return State::kWhole;
  name_.clear();
  protocols_.clear();
  return State::kGarbage;
}

}  // namespace weft::detect
