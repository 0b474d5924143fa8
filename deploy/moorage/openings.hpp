// What became of a cluster's openings, and of its jump hosts', as their pools tell it.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "messages/events.hpp"

namespace moorage::cli {

// In the order in which they were told.
class openings {
public:
  explicit openings(std::string cluster) : cluster_(std::move(cluster)) {}

  void add(const event_record& event) {
    std::lock_guard guard{mutex_};
    if (event.what == event_kind::opened || event.what == event_kind::open_failed)
      events_.push_back(event);
    refused_ = refused_ || (event.what == event_kind::refused && event.cluster == cluster_);
    changed_.notify_one();
  }
  // Waits until the cluster's connection is among them or the time is up. Word of an opening may come after
  // the lease that it made possible.
  void wait_for(connection_id connection, std::chrono::milliseconds patience) {
    std::unique_lock guard{mutex_};
    changed_.wait_for(guard, patience, [&] {
      return std::any_of(events_.begin(), events_.end(),
                         [&](const auto& x) { return x.connection == connection && x.cluster == cluster_; });
    });
  }
  // Waits until the pool has told of a refusal, which may come after the refusal itself.
  void wait_for_refusal(std::chrono::milliseconds patience) {
    std::unique_lock guard{mutex_};
    changed_.wait_for(guard, patience, [&] { return refused_; });
  }
  // Waits until any has come to an end, as that may be told some time after it.
  void wait_for_any(std::chrono::milliseconds patience) {
    std::unique_lock guard{mutex_};
    changed_.wait_for(guard, patience, [&] { return !events_.empty(); });
  }
  std::vector<event_record> of(const std::string& cluster) {
    std::lock_guard guard{mutex_};
    std::vector<event_record> result;
    std::copy_if(events_.begin(), events_.end(), std::back_inserter(result),
                 [&cluster](const auto& x) { return x.cluster == cluster; });
    return result;
  }

private:
  std::string cluster_;
  // edge: the runtime's threads put events in, this one takes them out.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<event_record> events_;
  bool refused_ = false;
};

} // namespace moorage::cli
