// The nodes of a site that a runtime of `connect` can go to, and what it has learnt of which one has which
// cluster.
//
// The runtime's own link is to the first of them, its home; to another one a link is made when something
// there is first asked for, and kept. A connect blocks, so it is made on a thread of its own, which can be
// abandoned.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "messages/errors.hpp"
#include "runtime/result.hpp"

namespace moorage {

class client_gate;

/// A link to another node, with a client of its own.
struct node_client {
  std::shared_ptr<client_gate> gate;
  std::function<void()> stop; ///< ends both
};

/// edge: host threads, clients that lead a call on, and the threads that connect meet here.
class known_nodes : public std::enable_shared_from_this<known_nodes> {
public:
  /// Connects to the node at that address; may block, and ends soon once it is called off.
  using dialler = std::function<result<node_client>(const std::string& address, std::stop_token called_off)>;
  using reached = std::function<void(const result<std::shared_ptr<client_gate>>&)>;

  /// A node that could not be reached is not tried again for so long: who asks meanwhile is told at once, or
  /// waits for the next try if he is patient.
  static constexpr std::chrono::seconds tried_again_after{1};
  /// Nodes name others, and each costs a link and its threads; more than a site has are refused.
  static constexpr std::size_t nodes_max = 16;

  /// `others`: further nodes that the host named, in its order.
  known_nodes(std::string home, const std::shared_ptr<client_gate>& home_gate,
              std::vector<std::string> others, std::chrono::milliseconds connect_timeout, dialler dial);

  /// The address of the node that has the cluster, as was learnt last; else home's.
  std::string where(const std::string& cluster) const;
  void learn(const std::string& cluster, const std::string& address);
  /// Every address that the host named or that was learnt, home first.
  std::vector<std::string> all() const;
  /// What became of a call that was made of every node; other refusals are answers.
  void asked(const std::string& address, const failure& why);
  /// Those that did not answer the last one, and why.
  std::vector<std::pair<std::string, failure>> unreachable() const;
  /// The host named several.
  bool several() const { return several_; }
  /// Of one try.
  std::chrono::milliseconds connect_timeout() const { return connect_timeout_; }
  /// Calls `then` with the way there, now or on another thread, which must not be held up.
  void reach(const std::string& address, reached then, bool patient = false);
  /// Ends every link but home's. What is being reached is refused.
  void stop();

private:
  struct node {
    node_client client; ///< none: it is not linked
    bool connecting = false;
    failure why; ///< it could not be reached
    std::chrono::steady_clock::time_point tried = {};
    std::vector<reached> waiting;
  };
  /// On the thread that connects.
  void wait_for_next_try(const std::string& address);
  /// What came of a try to connect there.
  void settle(const std::string& address, result<node_client> made);

  const std::string home_;
  const std::weak_ptr<client_gate> home_gate_;
  const bool several_;
  const std::chrono::milliseconds connect_timeout_;
  const dialler dial_;
  std::stop_source called_off_;
  mutable std::mutex mutex_;
  std::condition_variable ended_; ///< a thread that connects, or all
  std::map<std::string, node> nodes_;
  std::vector<std::string> order_; ///< of their addresses
  std::map<std::string, std::string> places_;
  std::map<std::string, failure> silent_;
  std::size_t connecting_ = 0;
  bool stopping_ = false;
};

} // namespace moorage
