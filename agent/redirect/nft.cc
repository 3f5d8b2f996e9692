#include "agent/redirect/nft.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

extern char** environ;

namespace weft::redirect {
namespace {

constexpr std::size_t kMostOutput = 1 << 20;

struct Pipe {
  int read = -1, write = -1;
  bool Open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    read = ends[0], write = ends[1];
    return true;
  }
  static void Close(int& end) {
    if (end >= 0) close(end);
    end = -1;
  }
  ~Pipe() { Close(read), Close(write); }
};

Error Failed(const std::string& what) {
  return Error{ErrorKind::kInternal, what + ": " + std::strerror(errno), {}, {}};
}

Result<pid_t> Spawn(const std::vector<std::string>& arguments, const Pipe& in, const Pipe& out,
                    const Pipe& err) {
  std::vector<char*> words = {const_cast<char*>("nft")};
  for (const std::string& one : arguments) words.push_back(const_cast<char*>(one.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.read, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.write, STDERR_FILENO);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, "nft", &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed == ENOENT)
    return Error{ErrorKind::kNotFound, "the program nft is not here: install nftables", {}, {}};
  errno = failed;
  if (failed != 0) return Failed("cannot start nft");
  return child;
}

// Reads both until they end.
void Collect(Pipe& out, Pipe& err, std::string& output, std::string& errors) {
  std::array<pollfd, 2> ends = {{{out.read, POLLIN, 0}, {err.read, POLLIN, 0}}};
  std::array<std::string*, 2> into = {&output, &errors};
  while (ends[0].fd >= 0 || ends[1].fd >= 0) {
    if (poll(ends.data(), ends.size(), -1) < 0 && errno != EINTR) return;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (ends[i].fd < 0 || ends[i].revents == 0) continue;
      char chunk[4096];
      const ssize_t n = read(ends[i].fd, chunk, sizeof chunk);
      if (n <= 0 || into[i]->size() > kMostOutput)
        ends[i].fd = -1;
      else
        into[i]->append(chunk, static_cast<std::size_t>(n));
    }
  }
}

Error Explained(std::string errors) {
  while (!errors.empty() && errors.back() == '\n') errors.pop_back();
  if (errors.find("Operation not permitted") != std::string::npos)
    return Error{ErrorKind::kForbidden,
                 "the kernel does not permit it: run as root with CAP_NET_ADMIN (in a pod: capabilities.add "
                 "[NET_ADMIN])",
                 {},
                 {}};
  return Error{ErrorKind::kUnavailable, "nft: " + errors, {}, {}};
}

}  // namespace

Result<std::string> RunNft(const std::vector<std::string>& arguments, std::string_view input) {
  Pipe in, out, err;
  if (!in.Open() || !out.Open() || !err.Open()) return Failed("pipe");
  std::signal(SIGPIPE, SIG_IGN);  // it may end before it has read everything
  const Result<pid_t> child = Spawn(arguments, in, out, err);
  if (!child) return child.error();
  Pipe::Close(in.read), Pipe::Close(out.write), Pipe::Close(err.write);
  while (!input.empty()) {  // less than it prints, and it reads all before it prints
    const ssize_t n = write(in.write, input.data(), input.size());
    if (n <= 0) break;
    input.remove_prefix(static_cast<std::size_t>(n));
  }
  Pipe::Close(in.write);
  std::string output, errors;
  Collect(out, err, output, errors);
  int status = 0;
  if (waitpid(*child, &status, 0) < 0) return Failed("waitpid");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return output;
  return Explained(std::move(errors));
}

}  // namespace weft::redirect
