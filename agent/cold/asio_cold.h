#pragma once
// Cold on an io_context that one thread runs. Thread rule: as Cold says. The context must outlive it, and
// what was posted is dropped when the context is destroyed. Inline, and included by the program only, because
// of its headers.

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "agent/cold/cold.h"

namespace weft::cold {

class AsioCold final : public Cold {
 public:
  explicit AsioCold(boost::asio::io_context& context) : context_(context) {}

  void Post(std::function<void()> work) override { boost::asio::post(context_, std::move(work)); }

  void After(Duration span, std::function<void()> work) override {
    auto timer = std::make_shared<boost::asio::steady_timer>(context_, span);
    timer->async_wait([timer, work = std::move(work)](const boost::system::error_code& error) {
      if (!error) work();
    });
  }

  TimePoint Now() const override { return ReadMonotonicClock(); }
  WallTime WallNow() const override { return ReadWallClock(); }

 private:
  boost::asio::io_context& context_;
};

}  // namespace weft::cold
