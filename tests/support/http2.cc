#include "tests/support/http2.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include "agent/transport/transport.h"

namespace weft::support {
namespace {

constexpr auto kMost = std::chrono::seconds(20);

std::string ValueOf(const Fields& fields, const std::string& name) {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return {};
}

void Copy(const message::FieldList& from, Fields& to) {
  for (const message::Field& field : from) to.emplace_back(std::string(field.name), std::string(field.value));
}

void Fill(const Fields& from, message::FieldList& to) {
  for (const auto& [name, value] : from) to.Add(name, value, message::InternFieldName(name));
}

message::Body BodyOf(const Message& message, bool end) {
  const bool streams = message.has_body || !message.body.empty() || !message.trailers.empty() || !end;
  return streams ? message::Body{message::Body::Kind::kChunked, 0} : message::Body{};
}

}  // namespace

std::string Message::Field(const std::string& name) const { return ValueOf(fields, name); }
std::string Message::Trailer(const std::string& name) const { return ValueOf(trailers, name); }

Http2End::Http2End(int fd, http2::Role role, http2::Limits limits)
    : fd_(fd), session_(role, limits, {request_, response_, trailers_}, *this) {}

Http2End::~Http2End() {
  session_.Forget();
  close(fd_);
}

Http2End::Entry& Http2End::Add() {
  streams_.push_back(std::make_unique<Entry>(slab_, streams_.size()));
  return *streams_.back();
}

std::size_t Http2End::Ask(const Message& request, bool end) {
  Entry& entry = Add();
  message::RequestHead head;
  head.method_text = request.method.empty() ? "GET" : std::string_view(request.method);
  head.method = message::ParseMethod(head.method_text);
  head.authority = request.authority.empty() ? "cart" : std::string_view(request.authority);
  head.target = request.target.empty() ? "/" : std::string_view(request.target);
  Fill(request.fields, head.fields);
  entry.to_head = head.method == message::Method::kHead;
  entry.out.Append(request.body);
  message::FieldList trailers;
  Fill(request.trailers, trailers);
  http2::Session::AppendTrailers(entry, trailers);
  entry.end = end;
  session_.Request(entry, head, BodyOf(request, end));
  Flush();
  return entry.number;
}

void Http2End::SendData(std::size_t stream, const std::string& data, bool end) {
  Entry& entry = *streams_[stream];
  entry.out.Append(data);
  entry.end = end;
  session_.Resume(entry);
  Flush();
}

void Http2End::Answer(std::size_t stream, const Message& answer, bool end) {
  Entry& entry = *streams_[stream];
  message::ResponseHead head;
  head.status = answer.status;
  Fill(answer.fields, head.fields);
  entry.out.Append(answer.body);
  message::FieldList trailers;
  Fill(answer.trailers, trailers);
  http2::Session::AppendTrailers(entry, trailers);
  entry.end = end;
  for (const int status : answer.interim) {
    message::ResponseHead interim;
    interim.status = status;
    session_.Interim(entry, interim);
  }
  session_.Respond(entry, head, BodyOf(answer, end), true);
}

void Http2End::Reset(std::size_t stream, http2::ErrorCode code) {
  session_.Reset(*streams_[stream], code);
  Flush();
}

void Http2End::Flush() {
  session_.Send(*this);
  Raw({});
}

void Http2End::Raw(const std::string& bytes) {
  out_ += bytes;
  while (!out_.empty()) {
    const ssize_t sent = send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      gone = true;
      out_.clear();
      return;
    }
    out_.erase(0, static_cast<std::size_t>(sent));
  }
}

bool Http2End::Step(int wait_ms) {
  Flush();
  pollfd wait{fd_, POLLIN, 0};
  if (gone || poll(&wait, 1, wait_ms) <= 0) return !gone;
  std::array<char, 16384> bytes;
  const ssize_t read = recv(fd_, bytes.data(), bytes.size(), 0);
  if (read <= 0) {
    gone = true;
    return false;
  }
  session_.Receive({bytes.data(), static_cast<std::size_t>(read)}, ReadMonotonicClock());
  Flush();
  return true;
}

void Http2End::HalfClose() { shutdown(fd_, SHUT_WR); }

bool Http2End::Until(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + kMost;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    if (!Step(20) && !done()) return false;
  }
  return true;
}

Message& Http2End::Await(std::size_t stream) {
  Message& message = at(stream);
  Until([&] { return message.ended || message.reset >= 0; });
  return message;
}

// --- events ---

void Http2End::OnRequest(std::int32_t id, message::RequestHead& head, std::string_view, message::Body) {
  Entry& entry = Add();
  entry.message.method = head.method_text;
  entry.message.target = head.target;
  entry.message.authority = head.authority;
  entry.message.begun = true;
  Copy(head.fields, entry.message.fields);
  session_.Adopt(entry, id);
  if (on_head) on_head(entry.number);
}

void Http2End::OnBadRequest(std::int32_t id, Reason) {
  session_.ResetUnadopted(id, http2::ErrorCode::kProtocol);
}

void Http2End::OnResponse(http2::Stream& stream, message::ResponseHead& head, message::Body) {
  Message& message = Of(stream).message;
  if (head.status < 200) {
    message.interim.push_back(head.status);
    return;
  }
  message.begun = true;
  message.status = head.status;
  Copy(head.fields, message.fields);
}

void Http2End::OnData(http2::Stream& stream, std::string_view data) {
  Of(stream).message.body.append(data);
  received += data.size();
  if (credit) session_.Consumed(stream, data.size());
}

void Http2End::OnTrailers(http2::Stream& stream, const message::FieldList& trailers) {
  Copy(trailers, Of(stream).message.trailers);
}

void Http2End::OnEnd(http2::Stream& stream) {
  Of(stream).message.ended = true;
  if (on_request) on_request(Of(stream).number);
}

void Http2End::OnClosed(http2::Stream& stream, http2::ErrorCode code) {
  Message& message = Of(stream).message;
  message.closed = true;
  if (!message.ended || code != http2::ErrorCode::kNone) message.reset = static_cast<int>(code);
}

// --- the server ---

Http2Upstream::Http2Upstream(Serve serve, http2::Limits limits) : serve_(std::move(serve)), limits_(limits) {
  listener_ = *transport::Listen({*net::Ip::Parse("127.0.0.1"), 0});
  address_ = transport::LocalAddress(listener_);
  acceptor_ = std::thread([this] { Accept(); });
}

Http2Upstream::~Http2Upstream() {
  stop_ = true;
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  close(listener_);
}

Http2Upstream::Serve Http2Upstream::Saying(int status, const std::string& body) {
  return [status, body](Http2End& end, std::size_t stream) {
    Message answer;
    answer.status = status;
    answer.body = body;
    end.Answer(stream, answer);
  };
}

Message Http2Upstream::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

void Http2Upstream::Accept() {
  while (!stop_) {
    pollfd wait{listener_, POLLIN, 0};
    if (poll(&wait, 1, 20) <= 0) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    ++connections_;
    const std::lock_guard lock(mutex_);
    threads_.emplace_back([this, fd] { Run(fd); });
  }
}

void Http2Upstream::Run(int fd) {
  Http2End end(fd, http2::Role::kServer, limits_);
  const auto take = [&](std::size_t stream) {
    ++requests_;
    {
      const std::lock_guard lock(mutex_);
      last_ = end.at(stream);
    }
    serve_(end, stream);
  };
  (serve_heads ? end.on_head : end.on_request) = take;
  if (on_open) on_open(end);
  std::vector<bool> counted;
  while (!stop_ && end.Step(20) && !end.session().finished()) {
    counted.resize(end.streams());
    for (std::size_t i = 0; i < end.streams(); ++i) {
      if (end.at(i).reset < 0 || counted[i]) continue;
      counted[i] = true;
      ++resets_;
    }
  }
  end.HalfClose();  // a close with unread bytes would take answers with it
  while (!stop_ && end.Step(20)) {
  }
}

}  // namespace weft::support
