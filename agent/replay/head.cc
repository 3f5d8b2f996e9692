#include "agent/replay/head.h"

namespace weft::replay {

using decision::LineReader;

message::RequestHead ReadHead(const LineReader& line, std::vector<std::string>& texts) {
  message::RequestHead head;
  texts.reserve(4 + message::kMaxFields);
  for (const char* key : {"method_text", "authority", "target", "scheme"}) texts.push_back(line.Text(key));
  for (const std::string& field : line.All("field")) texts.push_back(field);
  head.method = line.Enum<message::Method>("method");
  head.method_text = texts[0];
  head.authority = texts[1];
  head.target = texts[2];
  head.scheme = texts[3];
  for (std::size_t i = 4; i < texts.size(); ++i) {
    const std::string_view text = texts[i];
    const std::size_t colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    head.fields.Add(name, text.substr(colon + 1), message::InternFieldName(name));
  }
  return head;
}

}  // namespace weft::replay
