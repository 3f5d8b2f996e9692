#pragma once
// A v1.ControlMessage in wire form, ready for a stream: a head made for one agent, and parts that were
// serialised once and are shared by all agents that are sent them. Thread rule: a part is immutable, shared
// freely.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weft/v1/mesh.pb.h"

namespace weft::stream {

using Part = std::shared_ptr<const std::string>;  // one field of v1.Delta: tag, length, content

struct Outgoing {
  std::string head;
  std::vector<Part> parts;  // behind it, in this order
  std::size_t size() const;
};

Part MakePart(const v1::BundleUpdate& update);
Part MakePart(const v1::Endpoints& endpoints);

// `delta` without its bundles and endpoints, and these.
Outgoing Assemble(const v1::Delta& delta, std::vector<Part> parts);
Outgoing Assemble(const v1::Command& command);
Outgoing Assemble(const v1::FoundAddress& found);

std::optional<v1::ControlMessage> Parse(const Outgoing& outgoing);  // none: it is malformed

}  // namespace weft::stream
