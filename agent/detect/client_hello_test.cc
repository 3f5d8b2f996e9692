#include "agent/detect/client_hello.h"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "agent/detect/learned.h"
#include "agent/detect/proxy_header.h"

namespace weft::detect {
namespace {

using State = ClientHello::State;

// As OpenSSL wrote it.
std::string Sample(const std::string& name) {
  std::ifstream file("tests/fuzz/corpus/client_hello/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ClientHelloTest, TellsTheNameInLowerCase) {
  for (const auto& [file, name] : {std::pair{"shop.example.com", "shop.example.com"},
                                   {"tls12", "old.example.com"},
                                   {"two-records", "shop.example.com"},
                                   {"tiny-records", "shop.example.com"},
                                   {"without-name", ""},
                                   {"nul-in-name", ""},
                                   {"name-too-long", ""}}) {
    ClientHello hello;
    EXPECT_EQ(hello.Read(Sample(file)), State::kWhole) << file;
    EXPECT_EQ(hello.server_name(), name) << file;
  }
}

TEST(ClientHelloTest, FortyPiecesReadAsOne) {
  const std::string bytes = Sample("shop.example.com");
  ClientHello hello;
  for (std::size_t i = 1; i < 40; ++i)
    EXPECT_EQ(hello.Read(std::string_view(bytes).substr(0, bytes.size() * i / 40)), State::kMore) << i;
  EXPECT_EQ(hello.Read(bytes + "and what follows"), State::kWhole);
  EXPECT_EQ(hello.server_name(), "shop.example.com");
}

TEST(ClientHelloTest, TellsWhichProtocolsAreOffered) {
  ClientHello agent, other;
  EXPECT_FALSE(agent.Offers("weft/1")) << "nothing is known yet";
  ASSERT_EQ(agent.Read(Sample("agent")), State::kWhole);
  EXPECT_TRUE(agent.Offers("weft/1"));
  EXPECT_TRUE(agent.Offers("h2"));
  EXPECT_FALSE(agent.Offers("weft/"));
  EXPECT_FALSE(agent.Offers(""));
  ASSERT_EQ(other.Read(Sample("shop.example.com")), State::kWhole);
  EXPECT_FALSE(other.Offers("weft/1"));
}

TEST(ClientHelloTest, GarbageIsToldAsSoonAsItShowsAndNothingIsWaitedForForEver) {
  for (const char* file : {"empty-record", "long-record", "alert", "http"}) {
    ClientHello hello;
    EXPECT_EQ(hello.Read(Sample(file)), State::kGarbage) << file;
  }
  ClientHello endless;  // records that never come to the end of the message
  std::string bytes = std::string("\x16\x03\x01\x00\x04\x01\xff\xff\xff", 9);
  EXPECT_EQ(endless.Read(bytes), State::kGarbage) << "16 MiB are announced";
  ClientHello trickle;
  bytes = std::string("\x16\x03\x01\x00\x04\x01\x00\xf0\x00", 9);
  while (bytes.size() < ClientHello::kMost) bytes += std::string("\x16\x03\x01\x00\x01\x00", 6);
  EXPECT_EQ(trickle.Read(bytes), State::kGarbage);
}

TEST(ProxyHeaderTest, BothVersionsSayWhoSpokeAndWhatTheyAreNotIsRefused) {
  const net::Address from = net::Address::Parse("192.0.2.1:56324").value();
  const net::Address to = net::Address::Parse("[2001:db8::2]:443").value();
  for (const int version : {1, 2}) {
    const std::string bytes = WriteProxyHeader(version, from, from) + "GET ";
    const ProxyHeader header = ReadProxyHeader(bytes);
    EXPECT_EQ(header.state, ProxyHeader::State::kWhole);
    EXPECT_EQ(bytes.substr(header.size), "GET ");
    EXPECT_EQ(header.source, from);
    EXPECT_EQ(ReadProxyHeader(WriteProxyHeader(version, to, from)).destination, from)
        << "IPv4 as IPv6 and back";
    for (std::size_t i = 0; i < header.size; ++i)
      EXPECT_EQ(ReadProxyHeader(bytes.substr(0, i)).state, ProxyHeader::State::kMore) << i;
  }
  EXPECT_EQ(WriteProxyHeader(1, from, from), "PROXY TCP4 192.0.2.1 192.0.2.1 56324 56324\r\n");
  EXPECT_FALSE(ReadProxyHeader("PROXY UNKNOWN\r\n").source);
  for (const char* text : {"GET / HTTP/1.1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n", "PROXY TCP4\r\n",
                           "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "PROXX", "\r\n\r\nx"}) {
    EXPECT_EQ(ReadProxyHeader(text).state, ProxyHeader::State::kGarbage) << text;
  }
}

TEST(LearnedTest, ChangesAreToldOnceAndReadBackAndTheOldestGivesWay) {
  int changes = 0;
  Learned learned([&changes] { ++changes; });
  learned.Learn("default/db:7000", Speaks::kServerFirst);
  learned.Learn("default/db:7000", Speaks::kServerFirst);
  EXPECT_EQ(changes, 1);
  for (std::size_t i = 1; i < Learned::kMost; ++i)
    learned.Learn("p:" + std::to_string(i), Speaks::kClientFirst);
  EXPECT_EQ(learned.Find("default/db:7000"), Speaks::kServerFirst);  // and so it was used last
  learned.Learn("one more", Speaks::kClientFirst);
  EXPECT_EQ(learned.Find("p:1"), Speaks::kUnknown);
  EXPECT_EQ(learned.Find("default/db:7000"), Speaks::kServerFirst);
  learned.Learn("one more", Speaks::kUnknown);

  Learned again;
  EXPECT_TRUE(again.Load(learned.Text()).has_value());
  EXPECT_EQ(again.Text().size(), learned.Text().size());
  EXPECT_EQ(again.Find("default/db:7000"), Speaks::kServerFirst);
  const Status bad = again.Load("server-first x:1\nwhat is this\n");
  EXPECT_NE(bad.error().Text().find("line 2"), std::string::npos);
  EXPECT_EQ(again.Find("x:1"), Speaks::kServerFirst);
}

}  // namespace
}  // namespace weft::detect
