// SPDX-License-Identifier: Apache-2.0
#include "nxm/sweep/child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "nxm/core/error.h"
#include "nxm/io/input_file.h"

namespace nxm {
namespace {

// A descriptor that no child inherits, none of 0, 1 and 2 (which may be closed here), and closed with the object.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {
    if (fd_ < 0 || fd_ > STDERR_FILENO) return;
    fd_ = ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    ::close(fd);
  }
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

int exit_code(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

// After fork: only calls that are safe there. Returns if the program cannot be started, with errno set.
void become(char* const* argv, int input, int output, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) return;  // it died before the line above
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ}) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::dup2(input, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(output, 2) < 0) return;
  // Those that were not opened by nxm may lack the mark; where the kernel does not know the call, they stay open.
  ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  ::execv(argv[0], argv);
}

}  // namespace

Child::Child(const std::vector<std::string>& argv, const std::filesystem::path& log) {
  require(!argv.empty(), "Child: no program");
  const Descriptor input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (input.get() < 0) fail_errno("/dev/null", "open it", errno);
  const Descriptor output(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (output.get() < 0) fail_errno(log, "write it", errno);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail_errno(argv[0], "start it", errno);
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  std::vector<char*> words;
  words.reserve(argv.size() + 1);
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);

  const pid_t parent = ::getpid();
  id_ = ::fork();
  if (id_ < 0) fail_errno(argv[0], "start it", errno);
  if (id_ == 0) {
    become(words.data(), input.get(), output.get(), parent);
    const int error = errno;
    (void)!::write(writing.get(), &error, sizeof error);
    ::_exit(127);
  }
  // The pipe closes when the program starts; before that it may bring the reason why it does not.
  writing.close();
  int error = 0;
  ssize_t got = 0;
  do got = ::read(reading.get(), &error, sizeof error);
  while (got < 0 && errno == EINTR);
  if (got == 0) return;
  while (::waitpid(id_, nullptr, 0) < 0 && errno == EINTR) {
  }
  id_ = -1;
  fail_errno(argv[0], "start it", error);
}

Child::~Child() {
  if (id_ < 0) return;
  ::kill(id_, SIGTERM);
  while (::waitpid(id_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Child::Child(Child&& other) noexcept : id_(std::exchange(other.id_, -1)) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(id_, other.id_);
  return *this;
}

std::optional<int> Child::ended() {
  int status = 0;
  const pid_t got = ::waitpid(id_, &status, WNOHANG);
  if (got == 0 || (got < 0 && errno == EINTR)) return std::nullopt;
  id_ = -1;
  return got < 0 ? 127 : exit_code(status);
}

void Child::signal(int number) const {
  if (id_ > 0) ::kill(id_, number);
}

}  // namespace nxm
