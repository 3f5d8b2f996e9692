#include "agent/exchange/saved_head.h"

#include <cassert>
#include <functional>
#include <new>

namespace weft::exchange {
namespace {

// Moves views from one copy of the same bytes to another.
class Rebase {
 public:
  Rebase(std::string_view from, std::string_view to) : from_(from), to_(to) {}
  std::string_view operator()(std::string_view view) const {
    return !view.empty() && Holds(view) ? Move(view) : view;
  }
  bool Holds(std::string_view view) const {
    const std::less_equal<const char*> not_after;
    return not_after(from_.data(), view.begin()) && not_after(view.end(), from_.end());
  }
  std::string_view Move(std::string_view view) const {  // one that it holds
    return {to_.data() + (view.data() - from_.data()), view.size()};
  }

 private:
  std::string_view from_, to_;
};

message::Field* TakeFields(std::size_t count, Arena& arena) {
  const std::span<char> memory = arena.Take(count * sizeof(message::Field));
  return reinterpret_cast<message::Field*>(memory.data());
}

}  // namespace

void SavedHead::Save(const message::RequestHead& head, std::string_view bytes, Arena& arena) {
  raw = arena.Copy(bytes);
  const Rebase rebase(bytes, raw);
  method = head.method;
  version = head.version;
  upgrade = head.upgrade;
  method_text = rebase(head.method_text);
  scheme = rebase(head.scheme);
  authority = rebase(head.authority);
  target = rebase(head.target);
  ids = head.fields.ids();
  message::Field* out = TakeFields(head.fields.size(), arena);
  fields = {out, head.fields.size()};
  for (const message::Field& field : head.fields) {
    assert(rebase.Holds(field.name) && rebase.Holds(field.value));
    new (out++) message::Field{rebase.Move(field.name), rebase.Move(field.value), field.id, field.line};
  }
}

void SavedHead::LoadLine(message::RequestHead& head) const {
  head.method = method;
  head.version = version;
  head.upgrade = upgrade;
  head.method_text = method_text;
  head.scheme = scheme;
  head.authority = authority;
  head.target = target;
}

std::span<const message::Field> SaveFields(const message::FieldList& fields, Arena& arena) {
  message::Field* out = TakeFields(fields.size(), arena);
  const std::span<const message::Field> saved(out, fields.size());
  for (const message::Field& field : fields) {
    new (out++) message::Field{arena.Copy(field.name), arena.Copy(field.value), field.id};
  }
  return saved;
}

void LoadFields(std::span<const message::Field> saved, message::FieldList& fields) {
  fields.Clear();
  for (const message::Field& field : saved) fields.Add(field.name, field.value, field.id);
}

}  // namespace weft::exchange
