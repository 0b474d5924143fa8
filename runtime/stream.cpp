#include "runtime/stream.hpp"

#include "runtime/client/asking.hpp"
#include "runtime/client/client.hpp"
#include "runtime/client/stream_pipe.hpp"
#include "runtime/system/scheduler_thread.hpp"

namespace moorage {

namespace {

constexpr auto both_kinds = {output_kind::output, output_kind::error_output};

} // namespace

stream& stream::operator=(stream&& other) noexcept {
  if (this != &other) {
    if (pipe_)
      pipe_->cancel();
    pipe_ = std::move(other.pipe_);
    rests_ = std::exchange(other.rests_, {});
  }
  return *this;
}

stream::~stream() {
  if (pipe_)
    pipe_->cancel();
}

bool stream::read(chunk& into) {
  return take_rest(into) || (pipe_ && !on_scheduler_thread() && pipe_->read(into));
}

bool stream::take_rest(chunk& into) {
  for (auto kind : both_kinds) {
    auto& rest = rests_.at(static_cast<std::size_t>(kind));
    if (rest.begin == rest.bytes.size())
      continue;
    into = {kind, rest.bytes.substr(rest.begin)};
    rest = {};
    return true;
  }
  return false;
}

bool stream::read_line(line& into) {
  for (auto kind : both_kinds)
    if (take_line(kind, into, false))
      return true;
  chunk more;
  while (pipe_ && !on_scheduler_thread() && pipe_->read(more)) {
    auto& rest = rests_.at(static_cast<std::size_t>(more.kind));
    rest.bytes.erase(0, rest.begin); // so that no more is kept than a line and a chunk
    rest.searched -= rest.begin;
    rest.begin = 0;
    rest.bytes += more.bytes;
    if (take_line(more.kind, into, false))
      return true;
  }
  for (auto kind : both_kinds)
    if (take_line(kind, into, true))
      return true;
  return false;
}

bool stream::take_line(output_kind kind, line& into, bool at_the_end) {
  auto& rest = rests_.at(static_cast<std::size_t>(kind));
  auto newline = rest.bytes.find('\n', rest.searched);
  auto length = (newline == std::string::npos ? rest.bytes.size() : newline) - rest.begin;
  auto whole = newline != std::string::npos && length <= line_max;
  if (!whole && length <= line_max && (!at_the_end || length == 0)) {
    rest.searched = rest.bytes.size();
    return false;
  }
  length = std::min(length, line_max);
  into = {kind, rest.bytes.substr(rest.begin, length), !whole};
  rest.begin += length + (whole ? 1 : 0);
  rest.searched = rest.begin;
  return true;
}

bool stream::write(std::string_view bytes) {
  return pipe_ && !on_scheduler_thread() && pipe_->write(bytes);
}

void stream::end_input() {
  if (pipe_)
    pipe_->end_input();
}

void stream::cancel() {
  if (pipe_)
    pipe_->cancel();
}

void stream::cancel(std::chrono::milliseconds at_most) {
  if (pipe_)
    pipe_->cancel(at_most);
}

outcome stream::ended() {
  if (!pipe_)
    return outcome_of(empty_lease());
  if (on_scheduler_thread())
    return outcome_of(would_block());
  return pipe_->wait();
}

} // namespace moorage
