// The events of one cluster at the node that has it, and at the one to which it is moved.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "messages/events.hpp"
#include "runtime/client/known_nodes.hpp"
#include "runtime/pending.hpp"
#include "runtime/subscription.hpp"

namespace moorage {

/// What a node says of a move is seen among its events; then the node that has the cluster is looked for, and
/// subscribed to beside the old one, whose last events are still to come: until the next move.
/// edge: callbacks, the clients of the nodes and whoever ends the subscription meet here.
class followed_events : public std::enable_shared_from_this<followed_events> {
public:
  using asking = std::function<pending<result<subscription>>(const std::shared_ptr<client_gate>& there)>;
  /// Told why the events come no more.
  using telling = std::function<void(const std::string& why)>;

  followed_events(std::shared_ptr<known_nodes> nodes, std::string cluster, telling tell)
      : nodes_(std::move(nodes)), cluster_(std::move(cluster)), tell_(std::move(tell)) {}

  /// Filters let what is looked for pass as well.
  static event_filter widened(const event_filter& wanted);

  /// Before it is begun.
  void ask_with(asking ask) { ask_ = std::move(ask); }
  void begun(const std::shared_ptr<client_gate>& there, subscription events);
  void saw(event_kind what);
  void end();

private:
  struct place {
    std::shared_ptr<client_gate> there;
    subscription events;
  };
  void look(const std::shared_ptr<client_gate>& from, int hops);
  void go_on(const std::shared_ptr<client_gate>& there, int hops);
  void looked(const std::string& lost = {});

  const std::shared_ptr<known_nodes> nodes_;
  const std::string cluster_;
  const telling tell_;
  asking ask_;
  std::mutex mutex_;
  place now_;
  place before_;
  bool looking_ = false;
  bool again_ = false; ///< there was another sign of a move meanwhile
  bool over_ = false;
};

} // namespace moorage
