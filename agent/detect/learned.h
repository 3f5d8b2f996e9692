#pragma once
// What ports that declare nothing were found to speak, remembered for the next connection and over a restart.
// Evidence is one sided: only what a server says first makes a port server-first, so no client can make
// another one's connection wait long. Bounded: the ones used longest ago are forgotten. Thread rule: any
// thread.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/result/result.h"

namespace weft::detect {

enum class Speaks : std::uint8_t {
  kUnknown,
  kClientFirst,  // a client's first bytes told what it is
  kServerFirst,  // the server spoke while the client was silent: relayed at once
};

class Learned {
 public:
  static constexpr std::size_t kMost = 1024;

  // `changed` is called behind each change, without the lock; it may be empty.
  explicit Learned(std::function<void()> changed = {}) : changed_(std::move(changed)) {}

  // `port`: "default/db:5432" or "10.0.0.1:5432"; no white space.
  Speaks Find(const std::string& port);
  void Learn(const std::string& port, Speaks speaks);  // kUnknown forgets

  // Lines of "server-first PORT" and "client-first PORT", the one used last in front.
  std::string Text() const;
  // Adds what is not known yet. An error names the first line that is wrong; the others count.
  Status Load(std::string_view text);

 private:
  struct Entry {
    std::string port;
    Speaks speaks;
  };
  bool Put(const std::string& port, Speaks speaks);

  const std::function<void()> changed_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // guarded by mutex_, with the index
  std::unordered_map<std::string, std::list<Entry>::iterator> index_;
};

}  // namespace weft::detect
