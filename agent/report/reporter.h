#pragma once
// The Sink of one worker: counts every request into the worker's metric shard and totals and writes its
// access log line. No allocation and no lock once a combination of labels was seen. Thread rule: one worker;
// what it refers to outlives it.

#include <memory>
#include <unordered_map>

#include "agent/report/access_log.h"
#include "agent/report/book.h"
#include "agent/report/report.h"

namespace weft::report {

class Reporter final : public Sink {
 public:
  // `log` may be null: no access log.
  Reporter(metrics::Registry& registry, const Families& families, std::unique_ptr<AccessLog> log);

  void Request(const RequestReport& report) override;
  void Opened(engine::Direction direction) override;
  void Closed(engine::Direction direction) override;
  void Secured(engine::Direction direction, Security security) override;
  void Handshook(engine::Direction direction, bool resumed, Reason reason) override;
  void Detected(engine::Direction direction, Detection detection) override;
  void StreamBegan(engine::Direction direction) override;
  void StreamEnded(const StreamReport& report) override;
  void Mirrored(const BackendKey& to, MirrorResult result) override;
  // Its totals go; its metric series idle until they expire.
  void Forgot(const BackendKey& key, engine::Direction direction) override;
  void Lent(engine::Backend& backend, bool reused, Duration waited) override;
  void Flush(TimePoint now) override;

  Totals Copy() const;  // on the worker's thread

 private:
  struct PerDirection {
    metrics::Counter opened, received, sent;
    metrics::Gauge open, streams;
  };
  Book& BookOf(const engine::Call& call);
  Book& BookOf(engine::Backend& backend);
  Book& BookFor(const BackendKey& key, engine::Direction direction);
  void CountAttempts(Book& book, Edge& edge, const engine::Call& call);
  void FindPerDirection();

  static constexpr std::size_t kMostBooks = 4096;  // further service ports share the book of unknown ones
  metrics::Shard& shard_;
  const Families& families_;
  std::unique_ptr<AccessLog> log_;
  std::array<PerDirection, 2> per_direction_;
  std::array<std::unordered_map<BackendKey, std::unique_ptr<Book>>, 2> books_;
  std::array<std::unique_ptr<Book>, 2> unknown_;
  metrics::Counter dropped_;
  std::uint64_t dropped_reported_ = 0;
  TimePoint now_;
};

}  // namespace weft::report
