#include "tests/cli/program.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace moorage::cli_tests {

using clock = std::chrono::steady_clock;

namespace {

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0)
    throw std::runtime_error("cannot make a pipe");
  return ends;
}

void close_end(int& descriptor) {
  if (descriptor >= 0)
    close(descriptor);
  descriptor = -1;
}

std::vector<std::string> environment_of(const program_spec& spec) {
  const char* path = std::getenv("PATH");
  std::vector<std::string> result{"HOME=" + spec.home, "XDG_RUNTIME_DIR=" + spec.home,
                                  std::string{"PATH="} + (path == nullptr ? "/usr/bin:/bin" : path),
                                  "TERM=dumb"};
  // What the sanitizer is not to report, and where reports go; and its libraries, where we are a user who may
  // not look where they are.
  for (const char* name :
       {"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "LD_LIBRARY_PATH"})
    if (const char* ours = std::getenv(name); ours != nullptr && !spec.environment.contains(name))
      result.push_back(std::string{name} + "=" + ours);
  for (const auto& [name, value] : spec.environment)
    result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (auto& each : words)
    result.push_back(each.data());
  result.push_back(nullptr);
  return result;
}

// Never more than the pipe holds: the test must not wait for a program that waits for the test.
void append_available(int& descriptor, std::string& to) {
  std::array<char, 64 << 10> buffer{};
  auto got = read(descriptor, buffer.data(), buffer.size());
  if (got > 0)
    to.append(buffer.data(), static_cast<std::size_t>(got));
  else if (got == 0)
    close_end(descriptor);
}

} // namespace

program::program(const program_spec& spec) : unfed_(spec.input), keep_input_open_(spec.keep_input_open) {
  auto in = make_pipe(), out = make_pipe(), err = make_pipe();
  auto words = spec.arguments;
  words.insert(words.begin(), spec.executable.empty() ? MOORAGE_PROGRAM : spec.executable);
  auto environment = environment_of(spec);
  auto argv = pointers(words), envp = pointers(environment);
  pid_ = fork();
  if (pid_ == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    std::signal(SIGPIPE, SIG_DFL);
    execvpe(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  if (pid_ < 0)
    throw std::runtime_error("cannot fork");
  exited_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  close(in[0]);
  close(out[1]);
  close(err[1]);
  input_ = in[1];
  output_ = out[0];
  error_output_ = err[0];
  std::signal(SIGPIPE, SIG_IGN);
  fcntl(input_, F_SETFL, O_NONBLOCK);
  feed();
}

program::~program() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  for (auto* each : {&exited_, &input_, &output_, &error_output_})
    close_end(*each);
}

void program::signal(int number) const {
  kill(pid_, number);
}

void program::close_output() {
  close_end(output_);
}

void program::close_input() {
  close_end(input_);
}

bool program::keeps_unread(std::size_t bytes, std::chrono::milliseconds patience) const {
  auto deadline = clock::now() + patience;
  for (int waiting = 0; clock::now() < deadline;) {
    if (ioctl(output_, FIONREAD, &waiting) == 0 && static_cast<std::size_t>(waiting) >= bytes)
      return true;
    pollfd over{exited_, POLLIN, 0};
    if (poll(&over, 1, 5) != 0)
      return false;
  }
  return false;
}

bool program::ends_unread(std::chrono::milliseconds patience) const {
  pollfd over{exited_, POLLIN, 0};
  return poll(&over, 1, static_cast<int>(patience.count())) == 1;
}

void program::feed() {
  if (input_ < 0)
    return;
  while (!unfed_.empty()) {
    auto written = write(input_, unfed_.data(), unfed_.size());
    if (written < 0 && errno == EAGAIN)
      return;
    if (written < 0)
      return close_end(input_);
    unfed_.erase(0, static_cast<std::size_t>(written));
  }
  if (!keep_input_open_)
    close_end(input_);
}

// Waits for more of anything. False: the time is up, or all of it is over.
bool program::read_more(clock::time_point deadline) {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
  if (left <= 0 || (output_ < 0 && error_output_ < 0))
    return false;
  std::array<pollfd, 3> all{pollfd{output_, POLLIN, 0}, pollfd{error_output_, POLLIN, 0},
                            pollfd{unfed_.empty() ? -1 : input_, POLLOUT, 0}};
  poll(all.data(), all.size(), static_cast<int>(left));
  if (all[0].revents != 0)
    append_available(output_, so_far_.output);
  if (all[1].revents != 0)
    append_available(error_output_, so_far_.error_output);
  if (all[2].revents != 0)
    feed();
  return true;
}

bool program::wrote(const std::string& text, std::chrono::milliseconds patience) {
  auto deadline = clock::now() + patience;
  auto is_there = [&] {
    return so_far_.output.find(text) != std::string::npos ||
           so_far_.error_output.find(text) != std::string::npos;
  };
  while (!is_there())
    if (!read_more(deadline))
      return is_there();
  return true;
}

finished program::wait(std::chrono::milliseconds patience) {
  auto deadline = clock::now() + patience;
  while (read_more(deadline))
    continue;
  // Whoever keeps the pipes open after the end would keep us too; whoever closes them early has not ended
  // yet.
  auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
  pollfd over{exited_, POLLIN, 0};
  if (poll(&over, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) == 0)
    kill(pid_, SIGKILL);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  so_far_.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  so_far_.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return so_far_;
}

finished run(const program_spec& spec, std::chrono::milliseconds patience) {
  return program{spec}.wait(patience);
}

} // namespace moorage::cli_tests
