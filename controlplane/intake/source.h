#pragma once
// A place outside that services come from, and how it tells what it found. A source only translates: each
// time something changed it reports everything that it knows, in parts that are shared with the report
// before, so that an unchanged one is told by its pointer. What becomes of it (ownership, damping, what stays
// while the source is away) is the Registrar's.
//
// Thread rule: a source's functions are called by one thread at a time; it may call its sink from any.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/net/key.h"
#include "common/resource/document.h"
#include "common/result/result.h"
#include "controlplane/store/store.h"
#include "weft/v1/bundle.pb.h"

namespace weft::intake {

// One service as a source knows it. Instances inside the document are part of the configuration; those beside
// it are endpoints, whose changes make no revision. Ids are unique and come from the source's UID.
struct Found {
  resource::DocumentPtr document;  // a MeshService of that key; never null
  std::vector<v1::Instance> instances;
};
using FoundPtr = std::shared_ptr<const Found>;

struct Picture {
  std::map<ServiceKey, FoundPtr> services;
  std::vector<resource::DocumentPtr> rules;  // what is no MeshService
  std::set<std::string> unknown_kinds;  // rules of these kinds could not be read yet: they stay as they were
  std::set<store::Key> unreadable;      // rules that are there, but say what cannot be used: likewise
  std::set<ServiceKey> unknown;         // are there, but could not be read yet: they stay as they were
  std::vector<Error> unusable;          // what was left out, and why
};
using PicturePtr = std::shared_ptr<const Picture>;

class Sink {
 public:
  virtual ~Sink() = default;
  // All that there is now. An error: some of it could not be taken over; it is tried again by itself.
  virtual Status Report(PicturePtr all) = 0;
  // The source does not answer, or says what makes no sense. What was reported last stays.
  virtual void Lost(const Error& why) = 0;
};

class Source {
 public:
  virtual ~Source() = default;
  // Begins. An error is one of the configuration that only an operator can mend.
  virtual Status Start() = 0;
  virtual void Look() {}  // about twice a second, and at once on SIGHUP
};

}  // namespace weft::intake
