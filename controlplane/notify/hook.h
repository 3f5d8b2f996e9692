#pragma once
// The way to a webhook: POST of JSON to a URL, http or https (verified by the system's CAs). Thread rule: any
// thread; answers come on a thread of the context.

#include <boost/asio/io_context.hpp>
#include <string>

#include "controlplane/notify/notifier.h"

namespace weft::notify {

// The error says what is wrong with the URL.
Result<Notifier::Post> MakeHook(boost::asio::io_context& context, const std::string& url);

}  // namespace weft::notify
