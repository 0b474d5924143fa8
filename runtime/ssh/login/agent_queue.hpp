// Who may ask an agent: one log-in at a time. An agent that asks its user (a touch, a confirmation) answers
// nobody else until it has the answer, not even with the list of its keys; and a person who is asked two
// things at once cannot tell which log-in is which. A question that was given up unanswered is one that the
// agent still asks: whoever comes next has to wait for its end as for that of any other.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace moorage {

/// Callable from any thread; nothing in it waits. edge: log-ins of all clusters, and of all runtimes of a
/// process, pass an agent's turn on.
class agent_queue {
  struct books;

public:
  /// For all that is asked in this process, whoever asks.
  static agent_queue& of_this_process();

  agent_queue();

  /// Held from the wish to ask until the answer is there. Moves only; its end lets the next one ask.
  class place {
  public:
    place() = default;
    place(place&& other) noexcept;
    place& operator=(place&& other) noexcept;
    ~place() { leave(); }

    bool taken() const { return books_ != nullptr; }
    bool may_ask() const;
    void leave();
    /// What the agent was asked is given up without an answer, and stands between it and everybody else.
    void went_unanswered();
    /// The agent has answered something, and so has no such question.
    void was_answered();
    /// Whether there is one.
    bool agent_is_held_up() const;

  private:
    friend class agent_queue;
    std::shared_ptr<books> books_;
    std::string socket_;
    std::uint64_t number_ = 0;
  };

  /// `wake` is called, on any thread, when its turn has come later; whoever comes to a free agent may ask at
  /// once. A socket by another name is another agent.
  place join(const std::string& socket, std::function<void()> wake);

private:
  struct waiting {
    std::uint64_t number = 0;
    std::function<void()> wake;
  };
  struct books {
    std::mutex mutex;
    std::uint64_t numbers = 0;
    std::map<std::string, std::deque<waiting>> queues; ///< who asks, and then who waits
    std::set<std::string> held_up;                     ///< by a question that was given up
  };
  std::shared_ptr<books> books_;
};

} // namespace moorage
