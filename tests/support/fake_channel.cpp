#include "tests/support/fake_channel.hpp"

#include "tests/support/fake_connection.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace moorage::support {
namespace {

constexpr std::uint64_t chunk_max = 256 * 1024; // of a flood, before others get their turn
constexpr std::uint64_t echo_backlog_max = 1 << 20;
constexpr std::uint64_t period = 89; // of fake_sshd::flood_byte

/// The pattern, long enough to cut any chunk from it at any phase.
const std::string& pattern() {
  static const std::string text = [] {
    std::string bytes(chunk_max + period, ' ');
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = fake_sshd::flood_byte(i);
    return bytes;
  }();
  return text;
}

} // namespace

fake_channel::fake_channel(fake_connection& connection, ssh_channel channel, std::uint64_t serial)
    : connection_(connection), channel_(channel), serial_(serial) {
  callbacks_.userdata = this;
  callbacks_.channel_data_function = &on_data;
  callbacks_.channel_eof_function = &on_eof;
  callbacks_.channel_close_function = &on_close;
  callbacks_.channel_signal_function = &on_signal;
  ssh_callbacks_init(&callbacks_);
  ssh_set_channel_callbacks(channel_, &callbacks_);
}

fake_channel::~fake_channel() {
  if (!channel_)
    return;
  ssh_remove_channel_callbacks(channel_, &callbacks_);
  ssh_channel_free(channel_);
}

int fake_channel::on_data(ssh_session, ssh_channel, void* data, std::uint32_t length, int, void* self) {
  auto& channel = *static_cast<fake_channel*>(self);
  auto taken = channel.take_input(static_cast<const char*>(data), length);
  channel.input_held_ = taken < length;
  return static_cast<int>(taken);
}

void fake_channel::on_eof(ssh_session, ssh_channel, void* self) {
  static_cast<fake_channel*>(self)->eof_ = true;
}

void fake_channel::on_close(ssh_session, ssh_channel, void* self) {
  static_cast<fake_channel*>(self)->closed_there_ = true;
}

void fake_channel::on_signal(ssh_session, ssh_channel, const char* name, void* self) {
  auto& channel = *static_cast<fake_channel*>(self);
  channel.connection_.server().count([](fake_counters& c) { ++c.signals; });
  channel.signal_ = name;
}

std::uint32_t fake_channel::take_input(const char* bytes, std::uint32_t length) {
  if (!connection_.faults().consumes_input || (echoing_ && output_bytes_ > echo_backlog_max))
    return 0;
  connection_.server().count([&](fake_counters& c) { c.stdin_bytes += length; });
  input_bytes_ += length;
  if (echoing_)
    say(false, std::string(bytes, length));
  return length;
}

bool fake_channel::read_held_input() {
  if (!input_held_ || !connection_.faults().consumes_input || output_bytes_ > echo_backlog_max)
    return false;
  // What a callback once left is not offered again by itself.
  char bytes[65536];
  int got = ssh_channel_read_nonblocking(channel_, bytes, sizeof bytes, 0);
  if (got <= 0) {
    input_held_ = false;
    return false;
  }
  take_input(bytes, static_cast<std::uint32_t>(got));
  return true;
}

void fake_channel::say(bool to_stderr, std::string text) {
  output_bytes_ += text.size();
  output_.push_back({to_stderr, std::move(text)});
}

void fake_channel::run(const std::string& command) {
  if (std::exchange(started_, true))
    return;
  const auto& f = connection_.faults();
  if (f.noise_on_stderr > 0)
    output_.push_back({true, {}, f.noise_on_stderr});
  if (f.noise_on_stdout > 0)
    output_.push_back({false, {}, f.noise_on_stdout});
  for (std::size_t from = 0; from <= command.size();) {
    auto to = std::min(command.find("; ", from), command.size());
    steps_.push_back(command.substr(from, to - from));
    from = to + 2;
  }
}

bool fake_channel::progress() {
  if (!channel_)
    return false;
  if (closed_there_) {
    close_here();
    return true;
  }
  if (closed_here_ || !started_ || finished_)
    return false;
  bool worked = read_held_input();
  worked |= write_output();
  if (connection_.faults().break_at == phase::command) {
    if (struck_ && connection_.strike(phase::command))
      return true;
    const bool silent = output_.empty() && (steps_.empty() || waits_ != waiting_for::nothing);
    struck_ = wrote_ || silent;
    if (struck_)
      return true; // the output leaves in this round, the blow falls in the next
  }
  return step() || worked;
}

bool fake_channel::write_output() {
  bool worked = false;
  std::uint64_t budget = chunk_max;
  while (!output_.empty() && budget > 0) {
    auto& front = output_.front();
    const bool floods = front.flood > 0;
    const auto total = floods ? front.flood : front.text.size();
    const auto length = std::min(total - front.done, budget);
    const char* bytes = floods ? pattern().data() + front.done % period : front.text.data() + front.done;
    int put = length == 0 ? 0
              : front.to_stderr
                  ? ssh_channel_write_stderr(channel_, bytes, static_cast<std::uint32_t>(length))
                  : ssh_channel_write(channel_, bytes, static_cast<std::uint32_t>(length));
    if (put <= 0 && length > 0)
      return worked; // the window is shut; a window adjustment pumps us again
    worked = wrote_ = true;
    front.done += static_cast<std::uint64_t>(put);
    budget -= static_cast<std::uint64_t>(put);
    if (!floods)
      output_bytes_ -= static_cast<std::uint64_t>(put);
    if (front.done == total)
      output_.pop_front();
  }
  return worked;
}

bool fake_channel::step() {
  if (!output_.empty())
    return false;
  if (waits_ != waiting_for::nothing) {
    if (!signal_.empty())
      steps_.clear();
    else if (waits_ != waiting_for::end_of_input || !eof_ || input_held_)
      return false;
    if (signal_.empty() && !echoing_)
      say(false, std::to_string(input_bytes_) + "\n");
    waits_ = waiting_for::nothing;
    echoing_ = false;
    return true;
  }
  if (steps_.empty() || !signal_.empty())
    return finish();
  auto line = std::move(steps_.front());
  steps_.pop_front();
  auto space = std::min(line.find(' '), line.size());
  do_step(line.substr(0, space), line.substr(std::min(space + 1, line.size())));
  return true;
}

void fake_channel::do_step(const std::string& name, const std::string& rest) {
  const auto number = [&] { return std::strtoull(rest.c_str(), nullptr, 10); };
  status_ = 0;
  if (name == "true") {
  } else if (name == "false") {
    status_ = 1;
  } else if (name == "exit") {
    status_ = static_cast<int>(number());
    steps_.clear();
  } else if (name == "echo" || name == "echo-stderr") {
    say(name != "echo", rest + "\n");
  } else if (name == "env") {
    auto found = env_.find(rest);
    status_ = found == env_.end();
    say(false, found == env_.end() ? "\n" : found->second + "\n");
  } else if (name == "cat" || name == "count") {
    echoing_ = name == "cat";
    waits_ = waiting_for::end_of_input;
  } else if (name == "flood" || name == "flood-stderr") {
    if (number() > 0)
      output_.push_back({name != "flood", {}, number()});
  } else if (name == "hang") {
    waits_ = waiting_for::signal;
  } else if (name == "kill") {
    signal_ = rest;
  } else if (name == "sleep") {
    waits_ = waiting_for::timer;
    connection_.after_for(std::chrono::milliseconds(number()), serial_, [](fake_channel& self) {
      if (self.waits_ == waiting_for::timer)
        self.waits_ = waiting_for::nothing;
    });
  } else {
    status_ = 127;
    say(true, name + ": not found\n");
  }
}

bool fake_channel::finish() {
  finished_ = true;
  connection_.server().count([](fake_counters& c) { ++c.commands_ended; });
  const auto& f = connection_.faults();
  const bool by_signal = !signal_.empty() || f.end == ending::by_signal;
  if (by_signal)
    ssh_channel_request_send_exit_signal(channel_, signal_.empty() ? "TERM" : signal_.c_str(), 0, "", "");
  else if (f.end != ending::no_status)
    ssh_channel_request_send_exit_status(channel_, status_);
  if (f.end == ending::no_close)
    return true;
  if (f.end == ending::data_after_status)
    ssh_channel_write(channel_, "after status\n", 13);
  if (f.close_delay.count() > 0)
    connection_.after_for(f.close_delay, serial_, [](fake_channel& self) { self.close_here(); });
  else
    close_here();
  return true;
}

void fake_channel::close_here() {
  if (!channel_ || std::exchange(closed_here_, true))
    return;
  ssh_channel_send_eof(channel_);
  ssh_channel_close(channel_);
}

} // namespace moorage::support
