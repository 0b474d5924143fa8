#include "runtime/ssh/login/renewals.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "messages/durations.hpp"
#include "runtime/ssh/opening/proxy_command.hpp"

namespace moorage {

namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// How long its end may go unseen.
constexpr int look_every = 20; // ms
/// What a thread may take beyond the command's own time.
constexpr std::chrono::seconds thread_patience{10};

/// What it says on its standard output is of no interest, but it must not wait for us.
void drain(unique_fd& output) {
  std::array<char, 4096> bytes{};
  pollfd one{output.get(), POLLIN, 0};
  ::poll(&one, output ? 1 : 0, look_every);
  if (!output)
    return;
  const auto got = ::recv(output.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
    output.reset();
}

/// Whoever was to run it has ended, which says nothing of the command.
renewal called_off() {
  return {"renew_command was called off with the runtime that ran it", true};
}

/// Blocks until it has ended, for `timeout` at most.
renewal run(const renewal_wish& wish, const abandonment& sign) {
  const auto begin = clock::now();
  auto started = start_proxy(wish.shell, wish.command);
  if (!started.problem.empty())
    return {"renew_command could not be started: " + started.problem};
  auto& process = *started.process; // killed with its group when this ends
  ::shutdown(started.socket.get(), SHUT_WR);
  for (process.look(clock::now()); !process.exited(); process.look(clock::now())) {
    if (clock::now() - begin >= wish.timeout)
      return {"renew_command had not ended after " + format_duration(wish.timeout) + " (renew_timeout)" +
              (process.words().empty() ? "" : "; it said: " + process.words())};
    if (sign.abandoned())
      return called_off();
    drain(started.socket);
  }
  if (process.content())
    return {};
  return {"renew_command " + process.state() + (process.words().empty() ? "" : ": " + process.words())};
}

} // namespace

renewals& renewals::of_this_process() {
  static auto& one = *new renewals; // runs may end after the process's exit has begun
  return one;
}

renewals::renewals() : books_(std::make_shared<books>()) {}

void renewals::no_use(book& b, std::string problem, time_point now) {
  b.problem = std::move(problem);
  b.pause = b.pause.count() == 0 ? pause_first : std::min(b.pause * 2, pause_max);
  b.not_before = now + b.pause;
}

void renewals::over(books& all, const std::string& command, const renewal& result) {
  decltype(book::waiting) told;
  {
    std::lock_guard guard{all.mutex};
    auto& b = all.of[command];
    b.running = false;
    b.ended = clock::now();
    if (result.problem.empty()) {
      // Until one of those who waited has seen that it was of use.
      b.problem.clear();
      b.not_before = b.ended + pause_first;
    } else if (!result.called_off) {
      no_use(b, result.problem, b.ended);
    }
    told.swap(b.waiting);
  }
  for (auto& [slot, wake] : told)
    slot->give(result, wake);
}

std::string renewals::judge(const std::string& command, bool of_use, time_point now) {
  std::lock_guard guard{books_->mutex};
  auto& b = books_->of[command];
  if (of_use) {
    if (!b.running) {
      b.pause = {};
      b.not_before = time_point::min();
      b.problem.clear();
    }
    return {};
  }
  constexpr const char* no_change = "renew_command ended well, and the certificate is near its end still";
  if (!b.running && b.problem.empty()) // else another has told of the same run
    no_use(b, no_change, now);
  return no_change;
}

/// The end of a run, however it comes.
struct renewals::run_end {
  run_end(std::shared_ptr<books> to, std::string what) : all(std::move(to)), command(std::move(what)) {}
  ~run_end() { tell(); }
  run_end(const run_end&) = delete;
  run_end& operator=(const run_end&) = delete;

  void tell() {
    if (auto to = std::exchange(all, nullptr))
      over(*to, command, result);
  }

  std::shared_ptr<books> all;
  std::string command;
  renewal result = called_off();
};

blocking_answer<renewal> renewals::ask(blocking_threads& threads, const renewal_wish& wish, time_point now,
                                       std::function<void()> wake) {
  auto slot = std::make_shared<handed_back<renewal>>();
  blocking_answer<renewal> answer{slot};
  {
    std::lock_guard guard{books_->mutex};
    auto& b = books_->of[wish.command];
    const bool runs = b.running && now < b.given_up;
    bool begins = false;
    if (!runs && b.ended > wish.seen && b.problem.empty())
      slot->give({}, {});
    else if (!runs && now < b.not_before)
      slot->give({(b.problem.empty() ? "renew_command has just ended" : b.problem) + "; it is run again in " +
                  to_text(b.not_before - now) + " at the earliest"},
                 {});
    else {
      b.waiting.emplace_back(std::move(slot), std::move(wake));
      begins = !runs;
    }
    if (!begins)
      return answer;
    b.running = true;
    b.given_up = now + wish.timeout + thread_patience;
  }
  // On threads of its own, since none of the cluster's may be held up for so long. It keeps its own answer,
  // which nobody takes: it would be abandoned without.
  auto kept = std::make_shared<blocking_answer<renewal>>();
  // A task that is never begun is dropped, and those who wait are told by that.
  auto end = std::make_shared<run_end>(books_, wish.command);
  auto task = [wish, end, kept](const abandonment& sign) {
    end->result = run(wish, sign);
    end->tell();
    return end->result;
  };
  *kept = threads.ask({"renew_command " + wish.command, "renew_command, for " + wish.cluster},
                      std::move(task), {});
  if (auto why = kept->refusal()) {
    end->result = {"renew_command could not be started: " + why.text};
    end->tell();
  }
  return answer;
}

} // namespace moorage
