#include "controlplane/store/store.h"

namespace weft::store {

std::string Key::ToString() const { return kind + " " + (ns.empty() ? "" : ns + "/") + name; }

}  // namespace weft::store
