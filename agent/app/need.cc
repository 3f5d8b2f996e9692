#include "agent/app/need.h"

namespace weft::app {

bool Need::Ask(std::size_t worker, std::string_view authority, const engine::Origin& origin) {
  std::vector<ServiceKey> keys;
  if (origin.fixed != nullptr)
    keys.push_back(origin.fixed->service);
  else
    keys = KeysOf(authority, node_);
  if (keys.empty()) return false;
  const ServiceKey& key = keys.front();
  if (missing_.Has(key)) return false;
  cold_.Post([this, worker, key, text = std::string(authority)] {
    manager_.Need(key, [this, worker, key, text](bool found) { Answered(worker, text, key, found); });
  });
  return true;
}

bool Need::AskAddress(std::size_t worker, const net::Address& address) {
  if (missing_addresses_.Has(address)) return false;
  manager_.NeedAddress(address, [this, worker, address](bool found) {
    if (!found) missing_addresses_.Add(address);
    forward::Worker* target = forwarder_.workers()[worker].get();
    target->loop().Post([target, address] { target->AnswerAddress(address); });
  });
  return true;
}

void Need::Answered(std::size_t worker, const std::string& authority, const ServiceKey& key, bool found) {
  if (!found) missing_.Add(key);
  if (!found && elsewhere && elsewhere(worker, authority)) return;
  forward::Worker* target = forwarder_.workers()[worker].get();
  target->loop().Post([target, authority] { target->AnswerHeld(authority); });
}

}  // namespace weft::app
