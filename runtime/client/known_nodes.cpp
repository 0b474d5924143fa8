#include "runtime/client/known_nodes.hpp"

#include <system_error>
#include <utility>

#include "runtime/client/client.hpp"
#include "runtime/system/awaited_threads.hpp"

namespace moorage {

namespace {

/// For threads that were called off; what lasts longer is left to itself.
constexpr std::chrono::milliseconds abandoned_after{200};

const failure over{errc::stopping, "the runtime has stopped"};

} // namespace

known_nodes::known_nodes(std::string home, const std::shared_ptr<client_gate>& home_gate,
                         std::vector<std::string> others, std::chrono::milliseconds connect_timeout,
                         dialler dial)
    : home_(std::move(home)), home_gate_(home_gate), several_(!others.empty()),
      connect_timeout_(connect_timeout), dial_(std::move(dial)) {
  for (auto& each : others)
    if (each != home_ && nodes_.try_emplace(each).second)
      order_.push_back(std::move(each));
}

std::string known_nodes::where(const std::string& cluster) const {
  std::lock_guard guard{mutex_};
  auto found = places_.find(cluster);
  return found == places_.end() ? home_ : found->second;
}

void known_nodes::learn(const std::string& cluster, const std::string& address) {
  std::lock_guard guard{mutex_};
  if (address == home_)
    places_.erase(cluster);
  else
    places_.insert_or_assign(cluster, address);
}

std::vector<std::string> known_nodes::all() const {
  std::vector<std::string> addresses{home_};
  std::lock_guard guard{mutex_};
  addresses.insert(addresses.end(), order_.begin(), order_.end());
  return addresses;
}

std::vector<std::pair<std::string, failure>> known_nodes::unreachable() const {
  std::lock_guard guard{mutex_};
  return {silent_.begin(), silent_.end()};
}

void known_nodes::asked(const std::string& address, const failure& why) {
  auto silent = why.code == errc::node_lost || why.code == errc::no_node || why.code == errc::local_failure;
  std::lock_guard guard{mutex_};
  if (silent)
    silent_.insert_or_assign(address, why);
  else
    silent_.erase(address);
}

void known_nodes::reach(const std::string& address, reached then, bool patient) {
  std::shared_ptr<client_gate> gate;
  failure why;
  if (address == home_) {
    gate = home_gate_.lock();
    why = over;
  } else {
    std::lock_guard guard{mutex_};
    auto found = nodes_.find(address);
    if (!stopping_ && found == nodes_.end() && nodes_.size() < nodes_max) {
      found = nodes_.try_emplace(address).first;
      order_.push_back(address);
    }
    if (stopping_) {
      why = over;
    } else if (found == nodes_.end()) {
      why = {errc::local_failure, "this runtime knows " + std::to_string(nodes_.size()) +
                                      " further nodes, as many as it may, and is led to another one, " +
                                      address};
    } else if (auto& there = found->second; there.client.gate) {
      gate = there.client.gate;
    } else if (!patient && there.why.code != errc::none &&
               std::chrono::steady_clock::now() - there.tried < tried_again_after) {
      why = there.why;
    } else if (there.waiting.size() == client_gate::outstanding_max) {
      why = client_gate::too_many();
    } else {
      there.waiting.push_back(std::move(then));
      if (std::exchange(there.connecting, true))
        return;
      ++connecting_;
    }
  }
  if (gate)
    return then(gate);
  if (why.code != errc::none)
    return then(why);
  try {
    on_awaited_thread([self = shared_from_this(), address] {
      self->wait_for_next_try(address);
      self->settle(address, self->dial_(address, self->called_off_.get_token()));
    });
  } catch (const std::system_error& none) {
    settle(address, failure{errc::local_failure, std::string{"cannot connect to a node: "} + none.what()});
  }
}

void known_nodes::wait_for_next_try(const std::string& address) {
  std::unique_lock guard{mutex_};
  const auto& there = nodes_.at(address);
  if (there.why.code != errc::none)
    ended_.wait_until(guard, there.tried + tried_again_after, [this] { return stopping_; });
}

void known_nodes::settle(const std::string& address, result<node_client> made) {
  std::vector<reached> waiting;
  result<std::shared_ptr<client_gate>> way = over;
  {
    std::lock_guard guard{mutex_};
    auto& there = nodes_.at(address);
    there.connecting = false;
    there.tried = std::chrono::steady_clock::now();
    there.why = stopping_ ? over : made.error();
    if (made && !stopping_)
      there.client = std::exchange(*made, {});
    if (there.client.gate)
      way = there.client.gate;
    else
      way = there.why;
    waiting.swap(there.waiting);
  }
  for (auto& each : waiting)
    each(way);
  waiting.clear(); // before whoever stops goes on
  if (made && made->gate)
    made->stop();
  std::lock_guard guard{mutex_};
  --connecting_;
  ended_.notify_all();
}

void known_nodes::stop() {
  std::vector<node_client> linked;
  {
    std::unique_lock guard{mutex_};
    stopping_ = true;
    called_off_.request_stop();
    ended_.notify_all();
    ended_.wait_for(guard, abandoned_after, [this] { return connecting_ == 0; });
    for (auto& [address, there] : nodes_)
      if (there.client.gate)
        linked.push_back(std::exchange(there.client, {}));
  }
  for (auto& each : linked)
    each.stop();
}

} // namespace moorage
