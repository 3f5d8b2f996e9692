#include "controlplane/stream/outgoing.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

namespace weft::stream {
namespace {

using google::protobuf::internal::WireFormatLite;

void AppendField(int number, std::size_t length, std::string& out) {
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.WriteTag(WireFormatLite::MakeTag(number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
  coded.WriteVarint32(static_cast<std::uint32_t>(length));
}

template <class Message>
Part MakeField(int number, const Message& message) {
  std::string out;
  AppendField(number, message.ByteSizeLong(), out);
  message.AppendToString(&out);
  return std::make_shared<const std::string>(std::move(out));
}

}  // namespace

std::size_t Outgoing::size() const {
  std::size_t bytes = head.size();
  for (const Part& part : parts) bytes += part->size();
  return bytes;
}

Part MakePart(const v1::BundleUpdate& update) { return MakeField(v1::Delta::kBundlesFieldNumber, update); }
Part MakePart(const v1::Endpoints& endpoints) {
  return MakeField(v1::Delta::kEndpointsFieldNumber, endpoints);
}

Outgoing Assemble(const v1::Delta& delta, std::vector<Part> parts) {
  Outgoing out;
  std::size_t length = delta.ByteSizeLong();
  for (const Part& part : parts) length += part->size();
  AppendField(v1::ControlMessage::kDeltaFieldNumber, length, out.head);
  delta.AppendToString(&out.head);
  out.parts = std::move(parts);
  return out;
}

Outgoing Assemble(const v1::Command& command) {
  v1::ControlMessage message;
  *message.mutable_command() = command;
  return {message.SerializeAsString(), {}};
}

Outgoing Assemble(const v1::FoundAddress& found) {
  v1::ControlMessage message;
  *message.mutable_found_address() = found;
  return {message.SerializeAsString(), {}};
}

std::optional<v1::ControlMessage> Parse(const Outgoing& outgoing) {
  std::string bytes = outgoing.head;
  for (const Part& part : outgoing.parts) bytes += *part;
  v1::ControlMessage message;
  if (!message.ParseFromString(bytes)) return std::nullopt;
  return message;
}

}  // namespace weft::stream
