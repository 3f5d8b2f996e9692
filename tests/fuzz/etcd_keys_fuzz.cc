// Keys and values of etcd: "key\nvalue\n…"; a key without value is deleted.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "controlplane/intake/etcd/keys.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto line = [&rest] {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view one = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return one;
  };
  weft::intake::etcd::Keys keys("/weft/", 100);
  keys.BeginAll();
  while (!rest.empty()) {
    const std::string_view key = line(), value = line();
    value.empty() ? keys.Delete(key) : keys.Put(key, value);
  }
  const auto all = keys.Make();
  for (const auto& [service, found] : all->services) {
    if (found == nullptr || found->document == nullptr) std::abort();
  }
  keys.EndAll();
  (void)keys.Make();
  keys.BeginAll();
  keys.EndAll();
  if (!keys.Make()->services.empty()) std::abort();
  return 0;
}
