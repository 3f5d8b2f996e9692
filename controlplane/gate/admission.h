#pragma once
// Which new connections may begin their handshake: a TLS handshake costs a millisecond or two of processor
// time, so ten thousand agents that come at once would all wait for each other until each gives up. A few at
// a time instead, the others wait in the listener's queue; and no address may have more than a share of it.
// Pure: time comes in. Not thread safe.

#include <map>
#include <optional>

#include "common/net/address.h"
#include "common/time/time.h"

namespace weft::gate {

struct Bounds {
  std::size_t handshakes = 128;                // at a time, of everybody
  std::size_t per_address = 48;                // of those, of one IP address
  std::uint32_t per_address_per_second = 400;  // new connections of one IP address; twice as many at once
  Duration patience =
      std::chrono::milliseconds(1000);  // a connection that has not called by then no longer counts
};

class Admission {
 public:
  explicit Admission(Bounds bounds = {}) : bounds_(bounds) {}

  // Whether one more may be accepted now; false: ask again at next().
  bool Open(TimePoint now);
  std::optional<TimePoint> next() const;  // when the oldest handshake no longer counts
  // One was accepted. false: its address has too many; close it.
  bool Admit(const net::Address& peer, TimePoint now);
  // Its handshake is done: the first call has come. True when somebody may wait for its place.
  bool Arrived(const net::Address& peer);

  std::uint64_t refused() const { return refused_; }  // connections closed because of their address

 private:
  struct Source {
    std::size_t handshakes = 0;
    double tokens = 0;
    TimePoint seen;
  };
  void Expire(TimePoint now);
  void Release(std::map<net::Address, TimePoint>::iterator handshake);

  const Bounds bounds_;
  std::map<net::Address, TimePoint> handshakes_;  // since when
  std::multimap<TimePoint, net::Address>
      by_time_;                        // the same; entries of those that arrived stay until they are due
  std::map<net::Ip, Source> sources_;  // seen within a second or with handshakes
  TimePoint swept_;
  std::uint64_t refused_ = 0;
};

}  // namespace weft::gate
