// Sixteen bytes at a time must read as one at a time does.
#include "agent/codec/http1/lines.h"

#include <string>

#include <gtest/gtest.h>

#include "agent/codec/http1/decoder.h"
#include "agent/codec/http1/encoder.h"
#include "tests/support/effort.h"

namespace weft::http1 {
namespace {

bool IsAnyOf(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }
bool MayStandInName(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c != '\0' && IsAnyOf(c, "!#$%&'*+-.^_`|~"));
}
bool MayStandInValue(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

TEST(LinesTest, EachByteAtEachPlaceOfANameIsJudgedAlike) {
  for (std::size_t size = 1; size <= 36; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int c = 0; c < 256; ++c) {
        if (c == ':') continue;  // ends the name
        std::string line(size, 'n');
        line[at] = static_cast<char>(c);
        const std::string lines = line + ": v\r\n\r\n";
        message::FieldList fields;
        const bool good = ParseFields(lines, 8, fields) == Reason::kOk;
        ASSERT_EQ(good, MayStandInName(line[at])) << "byte " << c << " at " << at << " of " << size;
        if (good) {
          ASSERT_EQ(fields[0].name, line);
        }
      }
    }
  }
}

TEST(LinesTest, EachByteAtEachPlaceOfAValueIsJudgedAlike) {
  for (std::size_t size = 1; size <= 36; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string value(size, 'v');
        value[at] = static_cast<char>(c);
        ASSERT_EQ(IsFieldValue(value), MayStandInValue(value[at])) << c << " at " << at << " of " << size;
        if (c == ' ' || c == '\t') continue;  // may be trimmed
        const std::string lines = "n: " + value + "\r\n\r\n";
        message::FieldList fields;
        const bool good = ParseFields(lines, 8, fields) == Reason::kOk;
        ASSERT_EQ(good, MayStandInValue(value[at])) << c << " at " << at << " of " << size;
        if (good) {
          ASSERT_EQ(fields[0].value, value);
        }
      }
    }
  }
}

TEST(LinesTest, AHeadEndsAtTheSameByteHoweverItArrivesAndWhateverTheLimits) {
  const std::string pieces[] = {
      "\r\n", "\n", "\r", "a", "bbbbbbbbbbbbbbb", "c: dddddddddddddddddddddddd\r\n"};
  std::uint64_t state = 1;
  for (int round = 0; round < support::Steps(20'000); ++round) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      bytes += pieces[(state >> 33) % 6];
    }
    const std::size_t most = round % 90, most_first = (round / 90) % 70;
    LineScan whole, cut;
    const ScanResult at_once = FindHeadEnd(bytes, most, most_first, whole);
    ScanResult in_pieces = ScanResult::kMore;
    const std::size_t piece = static_cast<std::size_t>(round % 3) * 8 + 1;
    for (std::size_t end = piece; in_pieces == ScanResult::kMore; end += piece) {
      in_pieces = FindHeadEnd(std::string_view(bytes).substr(0, end), most, most_first, cut);
      if (end >= bytes.size()) break;
    }
    ASSERT_EQ(at_once, in_pieces) << bytes << " " << most << " " << most_first;
    if (at_once == ScanResult::kFound) {
      ASSERT_EQ(whole.at, cut.at);
    }
  }
}

std::string WrittenAgain(const std::string& request) {
  RequestDecoder decoder;
  message::RequestHead head;
  message::FieldList trailers;
  if (decoder.Next(request, head, trailers).kind != Event::Kind::kHead) return "refused";
  std::string out(4096, '\0');
  out.resize(EncodeRequestHead(head, decoder.body(), out));
  return out;
}

TEST(LinesTest, FieldsGoOutInOnePieceOnlyWhereTheyCameAsWeWriteThem) {
  EXPECT_EQ(WrittenAgain(
                "GET / HTTP/1.1\r\na: 1\r\nB:2\r\nc:  3 \r\nd: 4\t\r\nhost: h\r\ne: \r\nf:\r\ng: 7\r\n\r\n"),
            "GET / HTTP/1.1\r\nhost: h\r\na: 1\r\nB: 2\r\nc: 3\r\nd: 4\r\ne: \r\nf: \r\ng: 7\r\n\r\n");
  EXPECT_EQ(
      WrittenAgain("GET / HTTP/1.1\r\na: 1\r\nconnection: x, close\r\nb: 2\r\nx: 3\r\nte: trailers\r\n"
                   "c: 4\r\nhost: h\r\nkeep-alive: 1\r\nd: 5\r\nte: gzip\r\n\r\n"),
      "GET / HTTP/1.1\r\nhost: h\r\na: 1\r\nb: 2\r\nte: trailers\r\nconnection: te\r\nc: 4\r\nd: 5\r\n\r\n");
}

}  // namespace
}  // namespace weft::http1
