#include "runtime/ssh/channels/sweep.hpp"

#include <algorithm>
#include <array>
#include <random>

namespace moorage {

namespace {

using namespace std::chrono_literals;

/// The search takes 0.4 s and what the machine there needs for it; a session for it may first have to come
/// free.
constexpr auto patience = 10s;
/// From a refusal to the next try.
constexpr auto refused_pause = 200ms;

} // namespace

std::string new_sweep_marker() {
  constexpr std::array digits{'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};
  std::random_device random;
  std::string marker;
  for (int word = 0; word < 4; ++word)
    for (auto bits = random(), digit = 0u; digit < 8; ++digit, bits >>= 4)
      marker += digits[bits & 15];
  return marker;
}

std::string sweep_command(const std::vector<std::string>& markers) {
  // Fit for any login shell, so without a quote, a backslash, a newline or an exclamation mark inside.
  std::string patterns;
  for (const auto& marker : markers)
    patterns += std::string{" -e "} + sweep_variable + "=" + marker;
  return "exec sh -c 'k(){ for p in $(grep -slF" + patterns +
         " /proc/[0-9]*/environ);do p=${p#/proc/};kill -$1 ${p%/environ};done;};k TERM;sleep 0.2||sleep 1;"
         "k TERM;sleep 0.2||sleep 1;k KILL' >/dev/null";
}

command_sweep::command_sweep(libssh_session& link, const std::vector<std::string>& markers, time_point now)
    : link_(link), command_(sweep_command(markers)), due_(now + patience) {}

time_point command_sweep::next_due() const {
  return over() ? time_point::max() : std::min(due_, again_at_);
}

void command_sweep::advance(time_point now) {
  if (stage_ == stage::waiting && now >= again_at_) {
    again_at_ = time_point::max();
    stage_ = stage::opening;
  }
  if (stage_ == stage::opening)
    open(now);
  if (stage_ == stage::executing) {
    auto said = channel_->execute(command_);
    if (said != session_channel::reply::waiting)
      stage_ = said == session_channel::reply::yes ? stage::running : stage::over;
  }
  if ((stage_ == stage::executing || stage_ == stage::running) && channel_->closed_by_peer())
    stage_ = stage::over;
  if (now >= due_)
    stage_ = stage::over;
}

void command_sweep::open(time_point now) {
  if (!channel_)
    channel_ = std::make_unique<session_channel>(link_, nullptr);
  auto state = channel_->open();
  if (state == session_channel::opening::open) {
    stage_ = stage::executing;
  } else if (state == session_channel::opening::refused) {
    channel_->settle();
    channel_ = nullptr;
    again_at_ = now + refused_pause;
    stage_ = stage::waiting;
  }
}

} // namespace moorage
