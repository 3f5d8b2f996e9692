#include "controlplane/intake/dns/resolver.h"

#include <ares.h>
#include <sys/time.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>

namespace weft::intake::dns {
namespace {

namespace asio = boost::asio;

struct Library {  // c-ares wants to be begun once
  Library() : status(ares_library_init(ARES_LIB_INIT_ALL)) {}
  int status;
};

std::string ServersText(const std::vector<net::Address>& servers) {
  std::string text;
  for (const net::Address& server : servers) text += (text.empty() ? "" : ",") + server.ToString();
  return text;
}

}  // namespace

struct Resolver::State {
  explicit State(asio::io_context& its_context) : context(its_context), timer(its_context) {}

  struct Socket {
    explicit Socket(asio::io_context& context, int fd) : descriptor(context, fd) {}
    asio::posix::stream_descriptor descriptor;
    bool read = false, write = false;       // what c-ares waits for
    bool reading = false, writing = false;  // what we wait for
  };
  using SocketPtr = std::shared_ptr<Socket>;

  static void OnSocket(void* self, ares_socket_t fd, int read, int write) {
    static_cast<State*>(self)->Watch(fd, read != 0, write != 0);
  }
  void Watch(int fd, bool read, bool write) {
    const auto known = sockets.find(fd);
    if (!read && !write) {
      if (known == sockets.end()) return;
      known->second->descriptor.release();  // c-ares closes it
      sockets.erase(known);
      return;
    }
    SocketPtr& socket = sockets[fd];
    if (socket == nullptr) socket = std::make_shared<Socket>(context, fd);
    socket->read = read;
    socket->write = write;
    Wait(fd, socket);
  }
  void Wait(int fd, const SocketPtr& socket) {
    if (socket->read && !socket->reading) {
      socket->reading = true;
      socket->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                    [this, fd, weak = std::weak_ptr<Socket>(socket)](auto error) {
                                      const SocketPtr one = weak.lock();
                                      if (one == nullptr || error) return;
                                      one->reading = false;
                                      Process(fd, ARES_SOCKET_BAD, one);
                                    });
    }
    if (socket->write && !socket->writing) {
      socket->writing = true;
      socket->descriptor.async_wait(asio::posix::stream_descriptor::wait_write,
                                    [this, fd, weak = std::weak_ptr<Socket>(socket)](auto error) {
                                      const SocketPtr one = weak.lock();
                                      if (one == nullptr || error) return;
                                      one->writing = false;
                                      Process(ARES_SOCKET_BAD, fd, one);
                                    });
    }
  }
  void Process(ares_socket_t readable, ares_socket_t writable, const SocketPtr& socket) {
    const int fd = readable == ARES_SOCKET_BAD ? writable : readable;
    ares_process_fd(channel, readable, writable);
    const auto still = sockets.find(fd);
    if (still != sockets.end() && still->second == socket) Wait(fd, socket);
    Arm();
  }
  // c-ares looks at its timeouts when it is called.
  void Arm() {
    timeval until{};
    if (ares_timeout(channel, nullptr, &until) == nullptr) return void(timer.cancel());
    timer.expires_after(std::chrono::seconds(until.tv_sec) + std::chrono::microseconds(until.tv_usec));
    timer.async_wait([this](boost::system::error_code cancelled) {
      if (cancelled) return;
      ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      Arm();
    });
  }

  asio::io_context& context;
  asio::steady_timer timer;
  ares_channel channel = nullptr;
  std::map<int, SocketPtr> sockets;
  bool ending = false;
};

namespace {

struct Query {
  std::string name;
  const bool* ending;
  std::function<void(Result<Answer>)> done;
};

void OnAnswer(void* argument, int status, int, unsigned char* bytes, int length) {
  const std::unique_ptr<Query> query(static_cast<Query*>(argument));
  if (*query->ending) return;
  if (status == ARES_ENODATA || status == ARES_ENOTFOUND) return query->done(Answer());
  if (status == ARES_SUCCESS) return query->done(ReadAnswer({bytes, static_cast<std::size_t>(length)}));
  query->done(Error{ErrorKind::kUnavailable, std::string("DNS: ") + ares_strerror(status), {}, query->name});
}

}  // namespace

Resolver::Resolver(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Resolver>> Resolver::Make(asio::io_context& context, const ResolverOptions& options) {
  static const Library library;
  auto state = std::make_unique<State>(context);
  ares_options wanted{};
  wanted.timeout = static_cast<int>(options.timeout.count());
  wanted.tries = options.tries;
  wanted.sock_state_cb = State::OnSocket;
  wanted.sock_state_cb_data = state.get();
  const int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  int status = library.status;
  if (status == ARES_SUCCESS) status = ares_init_options(&state->channel, &wanted, mask);
  if (status == ARES_SUCCESS && !options.servers.empty())
    status = ares_set_servers_ports_csv(state->channel, ServersText(options.servers).c_str());
  if (status != ARES_SUCCESS)
    return Error{ErrorKind::kInternal, std::string("cannot begin DNS: ") + ares_strerror(status), {}, {}};
  return std::unique_ptr<Resolver>(new Resolver(std::move(state)));
}

Resolver::~Resolver() {
  state_->ending = true;
  state_->timer.cancel();
  if (state_->channel != nullptr) ares_destroy(state_->channel);
}

void Resolver::Ask(const std::string& name, Type type, std::function<void(Result<Answer>)> done) {
  auto query = std::make_unique<Query>(Query{name, &state_->ending, std::move(done)});
  ares_query(state_->channel, name.c_str(), 1, static_cast<int>(type), OnAnswer, query.release());
  state_->Arm();
}

}  // namespace weft::intake::dns
