#include "agent/config/cache.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace weft::config {
namespace {

const WallTime kNow = WallTime(std::chrono::hours(480000));

Cached Example() {
  auto bundle = std::make_shared<policy::ServiceBundle>();
  bundle->key = {"local", "default", "cart"};
  bundle->ports = {{"http", 80, policy::Protocol::kHttp}};
  auto endpoints = std::make_shared<snapshot::Endpoints>();
  endpoints->service = bundle->key;
  endpoints->version = 4;
  snapshot::Instance instance;
  instance.id = "cart-1";
  instance.address = net::Address::Parse("10.0.0.1:8080").value();
  endpoints->instances = {instance};
  Cached cached;
  cached.at = kNow;
  cached.parts.version = {"s", 2, 7};
  cached.parts.services[bundle->key] = {bundle, 6, {"s", 2, endpoints}};
  cached.subscriptions = {bundle->key, {"local", "default", "other"}};
  return cached;
}

struct CacheTest : ::testing::Test {
  std::filesystem::path folder;
  std::string path;
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "weft-cache-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    path = folder / "cache";
  }
  void TearDown() override {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
    std::filesystem::remove_all(folder);
  }
};

TEST_F(CacheTest, WhatIsWrittenIsReadBack) {
  ASSERT_TRUE(WriteCache(path, Example()));
  const Cached read = ReadCache(path, std::chrono::hours(24), kNow + std::chrono::hours(1)).value();
  EXPECT_EQ(read.at, kNow);
  EXPECT_EQ(read.parts.version, (snapshot::Version{"s", 2, 7}));
  const snapshot::Held& held = read.parts.services.at({"local", "default", "cart"});
  EXPECT_EQ(held.revision, 6u);
  EXPECT_EQ(held.bundle->hash.size(), 64u);
  EXPECT_EQ(held.endpoints.endpoints->instances[0].id, "cart-1");
  EXPECT_EQ(read.subscriptions.size(), 2u);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_F(CacheTest, EverySingleDamagedByteIsNoticed) {
  const std::string good = EncodeCache(Example());
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    EXPECT_FALSE(DecodeCache(bad)) << "byte " << i;
    EXPECT_FALSE(DecodeCache(std::string_view(good).substr(0, i))) << "cut at " << i;
  }
}

TEST_F(CacheTest, OneThatIsTooOldIsNotUsedAndSaysSo) {
  ASSERT_TRUE(WriteCache(path, Example()));
  const Result<Cached> read = ReadCache(path, std::chrono::hours(24), kNow + std::chrono::hours(25));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::kTimeout);
  EXPECT_NE(read.error().Text().find("25 h old"), std::string::npos);
  EXPECT_TRUE(ReadCache(path, Duration::zero(), kNow + std::chrono::hours(25)));
  EXPECT_FALSE(ReadCache(path, std::chrono::hours(24), kNow - std::chrono::hours(2))) << "from the future";
}

TEST_F(CacheTest, NoFileIsNoProblem) {
  EXPECT_EQ(ReadCache(path, Duration::zero(), kNow).error().kind, ErrorKind::kNotFound);
}

TEST_F(CacheTest, AFolderThatIsNotThereIsAnErrorThatNamesThePath) {
  const Status written = WriteCache(folder / "missing" / "cache", Example());
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().Text().find("missing/cache.new"), std::string::npos);
}

TEST_F(CacheTest, OnlyTheFirst1024SubscriptionsAreRemembered) {
  Cached cached = Example();
  for (int i = 0; i < 3000; ++i)
    cached.subscriptions.push_back({"local", "default", "s" + std::to_string(i)});
  EXPECT_EQ(DecodeCache(EncodeCache(cached)).value().subscriptions.size(), kMaxRemembered);
}

}  // namespace
}  // namespace weft::config
