#pragma once
// A collection of the API server kept here: listed in pages, then watched from that version on; a watch whose
// time is over goes on from the last version, which bookmarks keep young. A version that the server no longer
// has (410), a broken or silent watch and an event that makes no sense lead to a new list. While the server
// is away the last known objects stay.
//
// Thread rule: the io_context's thread.

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>

#include "common/time/time.h"
#include "controlplane/kube/client.h"

namespace weft::intake::kubernetes {

using kube::Json;
using ObjectPtr = std::shared_ptr<const Json>;

struct ReflectorOptions {
  std::string path;        // "/api/v1/services"
  std::size_t page = 500;  // objects of one answer of a list
  std::size_t most = 200'000;
  bool optional = false;  // a server that does not know the collection (404) has an empty one
  Duration absent = std::chrono::seconds(15);   // until it is looked for again
  std::function<void(Json&)> trim = nullptr;    // takes out of each object what nobody reads
  Duration watch = std::chrono::minutes(4);     // of one watch; the server ends it then
  Duration silence = std::chrono::seconds(90);  // of a watch: bookmarks come about every minute
  Duration retry_min = std::chrono::milliseconds(100), retry_max = std::chrono::seconds(15);
};

class Reflector {
 public:
  struct Hooks {
    std::function<void()> changed;           // objects() is another now, or it is up again
    std::function<void(const Error&)> lost;  // once for each failed try
  };
  Reflector(boost::asio::io_context& context, const kube::Client& client, ReflectorOptions options,
            Hooks hooks);
  ~Reflector();

  void Start();
  bool synced() const;                                      // it was listed once
  bool up() const;                                          // and its last call was good
  const std::map<std::string, ObjectPtr>& objects() const;  // by "namespace/name"

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weft::intake::kubernetes
