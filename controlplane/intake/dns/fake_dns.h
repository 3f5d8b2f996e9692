#pragma once
// For tests: a DNS server over UDP that knows what it is told. On the test's own io_context.

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/intake/dns/answer.h"

namespace weft::intake::dns {

class FakeDns {
 public:
  explicit FakeDns(boost::asio::io_context& context) : context_(context), holder_(Bound()) {
    port_ = holder_.local_endpoint().port();
    holder_.connect({boost::asio::ip::address_v4::loopback(), 9});
    ComeBack();
  }

  std::uint16_t port() const { return port_; }
  void SetAddress(const std::string& name, const std::string& ip) {
    const net::Ip parsed = net::Ip::Parse(ip).value();
    std::string data(reinterpret_cast<const char*>(parsed.bytes.data()), parsed.v6 ? 16 : 4);
    records_[name][static_cast<std::uint16_t>(parsed.v6 ? Type::kAaaa : Type::kA)] = {std::move(data)};
  }
  void SetServices(const std::string& name, const std::vector<Srv>& services) {
    auto& list = records_[name][static_cast<std::uint16_t>(Type::kSrv)];
    list.clear();
    for (const Srv& srv : services)
      list.push_back(Number(srv.priority) + Number(srv.weight) + Number(srv.port) + Name(srv.target));
  }
  void Forget(const std::string& name) { records_.erase(name); }
  void GoDown() { socket_.reset(); }
  void ComeBack() {
    socket_.emplace(Bound());
    Read();
  }
  int rcode = 0;          // of every answer, unless zero
  std::uint32_t ttl = 0;  // seconds
  bool silent = false;
  std::size_t cut = 0;  // bytes missing at the end of every answer
  int asked = 0;

 private:
  boost::asio::ip::udp::socket Bound() {
    boost::asio::ip::udp::socket socket(context_, boost::asio::ip::udp::v4());
    socket.set_option(boost::asio::socket_base::reuse_address(true));
    socket.bind({boost::asio::ip::address_v4::loopback(), port_});
    return socket;
  }
  static std::string Number(std::uint16_t number) {
    return {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)};
  }
  static std::string Name(const std::string& name) {
    std::string out;
    for (std::size_t at = 0; at < name.size();) {
      const std::size_t dot = std::min(name.find('.', at), name.size());
      out += static_cast<char>(dot - at) + name.substr(at, dot - at);
      at = dot + 1;
    }
    return out + '\0';
  }
  void Read() {
    socket_->async_receive_from(boost::asio::buffer(buffer_), peer_,
                                [this](boost::system::error_code error, std::size_t length) {
                                  if (error == boost::asio::error::operation_aborted) return;
                                  if (!error) Answer(std::string(buffer_.data(), length));
                                  if (socket_) Read();
                                });
  }
  void Answer(const std::string& query) {
    ++asked;
    if (silent || query.size() < 17) return;
    std::string name;
    std::size_t at = 12;
    while (query[at] != 0) {
      const auto length = static_cast<std::size_t>(query[at]);
      name += (name.empty() ? "" : ".") + query.substr(at + 1, length);
      at += length + 1;
    }
    const auto type = static_cast<std::uint16_t>(static_cast<unsigned char>(query[at + 1]) << 8 |
                                                 static_cast<unsigned char>(query[at + 2]));
    const auto known = records_.find(name);
    const std::vector<std::string> list =
        known == records_.end() ? std::vector<std::string>() : known->second[type];
    const int code = rcode != 0 ? rcode : known == records_.end() ? 3 : 0;
    std::string out = query.substr(0, 2) + '\x84' + static_cast<char>(0x80 | code) + Number(1) +
                      Number(static_cast<std::uint16_t>(code == 0 ? list.size() : 0)) + Number(0) +
                      Number(0) + query.substr(12, at + 5 - 12);
    for (const std::string& data : list) {
      if (code != 0) break;
      out += Number(0xc00c) + Number(type) + Number(1) + Number(static_cast<std::uint16_t>(ttl >> 16)) +
             Number(static_cast<std::uint16_t>(ttl & 0xffff)) +
             Number(static_cast<std::uint16_t>(data.size())) + data;
    }
    out.resize(out.size() - std::min(cut, out.size()));
    boost::system::error_code ignored;
    socket_->send_to(boost::asio::buffer(out), peer_, 0, ignored);
  }

  boost::asio::io_context& context_;
  std::uint16_t port_ = 0;
  // Keeps the port while the server is down and, connected to another, hears nobody: a free port could become
  // that of a client's own socket, which then takes its question for the answer.
  boost::asio::ip::udp::socket holder_;
  std::optional<boost::asio::ip::udp::socket> socket_;
  boost::asio::ip::udp::endpoint peer_;
  std::array<char, 1024> buffer_{};
  std::map<std::string, std::map<std::uint16_t, std::vector<std::string>>> records_;
};

}  // namespace weft::intake::dns
