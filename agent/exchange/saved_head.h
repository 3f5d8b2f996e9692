#pragma once
// A request's head as an exchange keeps it: one copy of its bytes and a compact list of fields. Each attempt
// is written from it anew, because what the mesh adds differs per attempt. Thread rule: one worker.

#include <span>
#include <string_view>

#include "agent/exchange/arena.h"
#include "common/message/head.h"

namespace weft::exchange {

struct SavedHead {
  message::Method method = message::Method::kGet;
  message::Version version = message::Version::kHttp11;
  std::string_view raw;  // as it came
  std::string_view method_text, scheme, authority, target;
  std::span<const message::Field> fields;
  std::uint64_t ids = 0;  // FieldList::ids of them
  bool upgrade = false;

  // `bytes`: what the views of `head` point into. Views elsewhere must live as long as the arena's
  // user.
  void Save(const message::RequestHead& head, std::string_view bytes, Arena& arena);
  // Everything but the fields.
  void LoadLine(message::RequestHead& head) const;
};

// A copy of a field list (trailers) in the arena.
std::span<const message::Field> SaveFields(const message::FieldList& fields, Arena& arena);
void LoadFields(std::span<const message::Field> saved, message::FieldList& fields);

}  // namespace weft::exchange
