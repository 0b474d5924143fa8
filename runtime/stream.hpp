// Output of a command as it comes, and its input. Every member may be called from any host thread, one that
// reads and one that writes at once; on a thread of CAF's scheduler what would wait gives nothing.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "messages/exec.hpp"

namespace moorage {

class stream_pipe;

#pragma GCC visibility push(default) // not of what is declared above, which is ours

/// Made by `lease::open`. Destroying it cancels the command. Its lease is not given back before the command
/// has ended.
class stream {
public:
  stream() = default;
  stream(stream&& other) noexcept : pipe_(std::move(other.pipe_)), rests_(std::exchange(other.rests_, {})) {}
  stream& operator=(stream&& other) noexcept;
  ~stream();

  struct chunk {
    output_kind kind = output_kind::output;
    std::string bytes = {};
  };
  /// Waits for more output. False: there is no more, and `ended` has the outcome. What is read is granted
  /// anew, so a reader that stops reading stops the command, in constant memory.
  bool read(chunk& into);

  struct line {
    output_kind kind = output_kind::output;
    std::string text = {}; ///< without its newline
    /// No newline stood here: the line is longer than `line_max` and goes on in the next of its kind, or the
    /// output ended.
    bool cut = false;
  };
  /// A line in one piece [64 KiB]: longer than what people and programs write on purpose, and little to keep.
  /// What is longer comes in pieces of that size.
  static constexpr std::size_t line_max = 64 << 10;
  /// Waits for a whole line of output or of error output, whichever is there first; the lines of each are in
  /// order. False: there are no more. May take turns with `read`, which then gives first what was kept of a
  /// line.
  bool read_line(line& into);
  /// The same for a loop: `for (auto& line : stream.lines()) …`. Of one stream one at a time, while the
  /// stream stays where it is; of a stream that is about to go, `lease.open("tail -f log").lines()`, they
  /// keep the stream.
  class line_range;
  line_range lines() &;
  line_range lines() &&;

  /// Waits until there is room, then passes it on. False: the command takes no more input.
  bool write(std::string_view bytes);
  void end_input();
  /// Ends the command by signals, as its timeout does (`exec_request::timeout`). `read` gives what comes
  /// until its channel closes, at the latest 3 s after, then false. Harmless twice, and afterwards.
  void cancel();
  /// The same for one who has no time: after `at_most` `read` gives false and `ended` what is known, which is
  /// `maybe_ran` unless the command ended sooner; it goes on being ended meanwhile.
  void cancel(std::chrono::milliseconds at_most);
  /// Waits for the outcome, throwing away output that was not read.
  outcome ended();

private:
  friend class lease;
  explicit stream(std::shared_ptr<stream_pipe> pipe) : pipe_(std::move(pipe)) {}

  /// What was read and is not given yet, of one kind.
  struct remainder {
    std::string bytes;
    std::size_t begin = 0;
    std::size_t searched = 0; ///< no newline before this
  };
  bool take_line(output_kind kind, line& into, bool at_the_end);
  bool take_rest(chunk& into);

  std::shared_ptr<stream_pipe> pipe_;
  std::array<remainder, 2> rests_;
};

class stream::line_range {
public:
  class iterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = line;
    using difference_type = std::ptrdiff_t;
    using pointer = line*;
    using reference = line&;

    iterator() = default;
    explicit iterator(line_range* of) : of_(of) { ++*this; }
    line& operator*() const { return of_->current_; }
    line* operator->() const { return &of_->current_; }
    iterator& operator++() {
      if (!of_->from_->read_line(of_->current_))
        of_ = nullptr;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator&, const iterator&) = default;

  private:
    line_range* of_ = nullptr; ///< none: the end
  };

  explicit line_range(stream& from) : from_(&from) {}
  explicit line_range(stream&& from) : own_(std::make_unique<stream>(std::move(from))), from_(own_.get()) {}
  iterator begin() { return iterator{this}; }
  iterator end() const { return {}; }

private:
  std::unique_ptr<stream> own_;
  stream* from_;
  line current_;
};

inline stream::line_range stream::lines() & {
  return line_range{*this};
}

inline stream::line_range stream::lines() && {
  return line_range{std::move(*this)};
}

/// Takes output as it comes, on the thread that called `lease::stream`; returns false to cancel the command.
/// What it has taken is granted anew after it returns: a slow one slows the command down. What it throws
/// cancels the command and reaches the caller of `lease::stream`.
using output_sink = std::function<bool(output_kind kind, std::string_view bytes)>;

} // namespace moorage

#pragma GCC visibility pop
