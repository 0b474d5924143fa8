#include "tests/support/fake_sshd_process.hpp"

#include "tests/support/fake_text.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sstream>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace moorage::support {
namespace {

using clock = std::chrono::steady_clock;

constexpr auto answer_patience = std::chrono::seconds(30);

/// The value of a name in one flat line of JSON.
std::string value_in(const std::string& line, const std::string& name) {
  auto at = line.find("\"" + name + "\":");
  if (at == std::string::npos)
    throw std::runtime_error("no " + name + " in " + line);
  at += name.size() + 3;
  const bool quoted = line[at] == '"';
  at += quoted;
  return line.substr(at, line.find_first_of(quoted ? "\"" : ",}", at) - at);
}

process_spec spec_for(const std::string& program, const std::vector<std::string>& faults, int in, int out) {
  process_spec spec;
  spec.argv = {program};
  spec.argv.insert(spec.argv.end(), faults.begin(), faults.end());
  spec.stdin_fd = in;
  spec.stdout_fd = out;
  return spec;
}

} // namespace

fake_sshd_process::pipes::pipes() {
  int orders[2], answers[2];
  if (pipe2(orders, O_CLOEXEC) != 0 || pipe2(answers, O_CLOEXEC) != 0)
    throw std::runtime_error("no descriptors left for a fake sshd");
  orders_read = orders[0], orders_write = orders[1];
  answers_read = answers[0], answers_write = answers[1];
}

fake_sshd_process::pipes::~pipes() {
  for (int fd : {orders_read, orders_write, answers_read, answers_write})
    if (fd >= 0)
      close(fd);
}

fake_sshd_process::fake_sshd_process(const std::string& program, const std::vector<std::string>& faults)
    : process_(spec_for(program, faults, pipes_.orders_read, pipes_.answers_write)) {
  close(std::exchange(pipes_.orders_read, -1));
  close(std::exchange(pipes_.answers_write, -1)); // its end, and not ours, is what we wait for
  const auto line = read_line();
  host_ = value_in(line, "host");
  port_ = static_cast<std::uint16_t>(std::stoi(value_in(line, "port")));
  host_key_ = value_in(line, "host_key");
}

fake_sshd_process::~fake_sshd_process() = default;

std::string fake_sshd_process::read_line() {
  const auto deadline = clock::now() + answer_patience;
  for (;;) {
    if (auto end = unread_.find('\n'); end != std::string::npos) {
      auto line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
    pollfd p{pipes_.answers_read, POLLIN, 0};
    char bytes[4096];
    if (left <= 0 || poll(&p, 1, static_cast<int>(left)) <= 0)
      throw std::runtime_error("the fake sshd does not answer");
    auto got = read(pipes_.answers_read, bytes, sizeof bytes);
    if (got <= 0)
      throw std::runtime_error("the fake sshd has ended");
    unread_.append(bytes, static_cast<std::size_t>(got));
  }
}

std::string fake_sshd_process::order(const std::string& line) {
  const auto text = line + "\n";
  if (write(pipes_.orders_write, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw std::runtime_error("the fake sshd takes no order");
  auto answer = read_line();
  if (answer.find("{\"error\":") == 0)
    throw std::runtime_error(answer);
  return answer;
}

fake_counters fake_sshd_process::counters() {
  return counters_from_json(order("counters"));
}

std::vector<clock::time_point> fake_sshd_process::connect_times() {
  auto line = order("connect-times");
  std::istringstream all{line.substr(line.find('[') + 1)};
  std::vector<clock::time_point> times;
  for (clock::rep each = 0; all >> each; all.ignore()) // the comma
    times.emplace_back(clock::duration{each});
  return times;
}

bool fake_sshd_process::wait_until(const std::function<bool(const fake_counters&)>& holds,
                                   std::chrono::milliseconds patience) {
  for (const auto deadline = clock::now() + patience;;
       poll(nullptr, 0, 2)) { // it tells only what it is asked
    if (holds(counters()))
      return true;
    if (clock::now() >= deadline)
      return false;
  }
}

} // namespace moorage::support
