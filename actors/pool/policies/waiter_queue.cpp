// Who waits, and in which order.
#include "actors/pool/policies/waiter_queue.hpp"

#include <algorithm>
#include <limits>
#include <list>
#include <tuple>
#include <utility>

#include "messages/ensure.hpp"

namespace moorage {

namespace {

/// Moves an entry of a circle, if it has one of this turn, to its end.
template <class Circle>
void to_the_end(Circle& circle, std::uint64_t turn, std::uint64_t last) {
  auto node = circle.extract(turn);
  if (node.empty())
    return;
  node.key() = last;
  circle.insert(circle.end(), std::move(node));
}

/// How many of all in the circle are served before one that is itself served after `own` of its entry: those
/// whose turn comes earlier have one turn more. Each entry that is looked at counts, so that the limit bounds
/// the work as well.
template <class Circle, class Size>
std::size_t ahead_in(const Circle& circle, std::uint64_t turn, std::size_t own, std::size_t limit,
                     Size size_of) {
  auto ahead = own;
  for (auto each = circle.begin(); each != circle.end() && ahead < limit; ++each) {
    auto turns = own + (each->first < turn ? 1 : 0);
    if (turns == 0)
      break;
    if (each->first != turn)
      ahead += std::min(size_of(each->second), turns);
  }
  return std::min(ahead, limit);
}

} // namespace

void waiter_queue::join(waiter who) {
  auto place = ++last_;
  ensure(by_request_.emplace(who.request, place).second, "a request is made once");
  if (who.deadline != time_point::max())
    deadlines_.emplace(who.deadline, place);
  if (who.yields)
    yielding_.emplace(who.asked, place);
  if (who.carries) {
    carriers_.insert(carriers_.end(), place);
    carriers_of_.emplace(who.holder, place);
  } else {
    join_turns(place, who);
  }
  waiters_.emplace_hint(waiters_.end(), place, std::move(who));
}

/// A turn that its holder, or its identity, has in another circle holds in this one.
void waiter_queue::join_turns(ticket place, const waiter& who) {
  asking_count_ += !who.machine.empty();
  auto& among = who.machine.empty() ? rounds_ : asking_[who.machine];
  auto [identity, fresh] = round_of_.try_emplace(who.identity, last_turn_ + 1);
  last_turn_ += fresh;
  auto& in = among[identity->second];
  ++in.waiting;
  auto [holder, new_line] = line_of_.try_emplace({who.holder, who.identity}, last_turn_ + 1);
  last_turn_ += new_line;
  auto& of = in.holders[holder->second];
  of.waiting.insert(of.waiting.end(), place);
}

waiter waiter_queue::leave(ticket place) {
  auto node = waiters_.extract(place);
  ensure(!node.empty(), "a ticket names one who waits");
  auto who = std::move(node.mapped());
  by_request_.erase(who.request);
  deadlines_.erase({who.deadline, place});
  if (who.yields)
    yielding_.erase({who.asked, place});
  if (who.carries) {
    carriers_.erase(place);
    carriers_of_.erase({who.holder, place});
    return who;
  }
  leave_turns(place, who);
  return who;
}

void waiter_queue::leave_turns(ticket place, const waiter& who) {
  auto asked = asking_.end();
  if (!who.machine.empty()) {
    asked = asking_.find(who.machine);
    --asking_count_;
  }
  auto& among = who.machine.empty() ? rounds_ : asked->second;
  auto identity = round_of_.find(who.identity);
  auto in = among.find(identity->second);
  auto holder = line_of_.find({who.holder, who.identity});
  auto of = in->second.holders.find(holder->second);
  of->second.waiting.erase(place);
  if (of->second.waiting.empty()) {
    in->second.holders.erase(of);
    if (!waits_in_any(identity->second, holder->second))
      line_of_.erase(holder);
  }
  if (--in->second.waiting == 0) {
    among.erase(in);
    if (!waits_in_any(identity->second))
      round_of_.erase(identity);
  }
  if (asked != asking_.end() && among.empty())
    asking_.erase(asked);
}

void waiter_queue::set_deadline(ticket place, time_point deadline) {
  auto& who = waiters_.at(place);
  deadlines_.erase({who.deadline, place});
  who.deadline = deadline;
  if (deadline != time_point::max())
    deadlines_.emplace(deadline, place);
}

void waiter_queue::stop_clock(ticket place, time_point now, time_point until) {
  auto& who = waiters_.at(place);
  const bool for_ever = who.deadline == time_point::max();
  auto left = for_ever ? std::chrono::nanoseconds{0} : between(now, who.deadline);
  who.left = who.left.count() < 0 ? left : std::min(left, who.left);
  if (!for_ever)
    set_deadline(place, after(std::max(now, until), who.left));
}

void waiter_queue::run_clock(ticket place, time_point now) {
  auto& who = waiters_.at(place);
  if (who.left.count() < 0)
    return;
  if (who.deadline != time_point::max()) // it may run again already
    set_deadline(place, std::min(who.deadline, after(now, who.left)));
  who.left = std::chrono::nanoseconds{-1};
}

template <class Each>
void waiter_queue::for_each_circle(Each each) const {
  each(rounds_);
  for (const auto& [machine, among] : asking_)
    each(among);
}

bool waiter_queue::waits_in_any(turn_number identity) const {
  bool found = false;
  for_each_circle([&](const circle& among) { found = found || among.contains(identity); });
  return found;
}

bool waiter_queue::waits_in_any(turn_number identity, turn_number holder) const {
  bool found = false;
  for_each_circle([&](const circle& among) {
    auto in = among.find(identity);
    found = found || (in != among.end() && in->second.holders.contains(holder));
  });
  return found;
}

waiter waiter_queue::serve(ticket place) {
  auto who = leave(place);
  auto identity = round_of_.find(who.identity);
  if (identity == round_of_.end())
    return who;
  auto everywhere = [this](auto move) {
    move(rounds_);
    for (auto& [machine, among] : asking_)
      move(among);
  };
  auto turn = std::exchange(identity->second, ++last_turn_);
  everywhere([&](circle& among) { to_the_end(among, turn, last_turn_); });
  auto holder = line_of_.find({who.holder, who.identity});
  if (holder == line_of_.end())
    return who;
  auto line = std::exchange(holder->second, ++last_turn_);
  everywhere([&](circle& among) {
    if (auto in = among.find(identity->second); in != among.end())
      to_the_end(in->second.holders, line, last_turn_);
  });
  return who;
}

waiter_queue::ticket waiter_queue::first_of(const circle& of) {
  return of.empty() ? 0 : *of.begin()->second.holders.begin()->second.waiting.begin();
}

waiter_queue::ticket waiter_queue::turn(bool any, const std::vector<std::string>& machines) const {
  // Identity, holder, place: each has the same turn in all circles.
  std::tuple<turn_number, turn_number, ticket> next{};
  auto look = [&next](const circle& among) {
    if (among.empty())
      return;
    const auto& [identity, in] = *among.begin();
    const auto& [holder, of] = *in.holders.begin();
    std::tuple first{identity, holder, *of.waiting.begin()};
    if (std::get<2>(next) == 0 || first < next)
      next = first;
  };
  if (any)
    look(rounds_);
  for (const auto& machine : machines)
    if (auto found = asking_.find(machine); found != asking_.end())
      look(found->second);
  return std::get<2>(next);
}

std::size_t waiter_queue::asking_for(const std::string& machine) const {
  auto found = asking_.find(machine);
  std::size_t all = 0;
  if (found != asking_.end())
    for (const auto& [turn, in] : found->second)
      all += in.waiting;
  return all;
}

std::vector<std::string> waiter_queue::machines_asked_for() const {
  std::vector<std::string> result;
  for (const auto& [machine, among] : asking_)
    result.push_back(machine);
  return result;
}

waiter_queue::ticket waiter_queue::next(ticket from) const {
  auto position = waiters_.lower_bound(from);
  return position == waiters_.end() ? 0 : position->first;
}

waiter_queue::ticket waiter_queue::of(request_id request) const {
  auto position = by_request_.find(request);
  return position == by_request_.end() ? 0 : position->second;
}

waiter_queue::ticket waiter_queue::of(holder_id holder) const {
  if (auto carried = carriers_of_.lower_bound({holder, 0});
      carried != carriers_of_.end() && carried->first == holder)
    return carried->second;
  auto position = line_of_.lower_bound({holder, {}});
  if (position == line_of_.end() || position->first.first != holder)
    return 0;
  ticket found = 0;
  auto identity = round_of_.at(position->first.second);
  for_each_circle([&, holder = position->second](const circle& among) {
    auto in = among.find(identity);
    if (in == among.end() || found != 0)
      return;
    if (auto of = in->second.holders.find(holder); of != in->second.holders.end())
      found = *of->second.waiting.begin();
  });
  return found;
}

/// `own`: how many of its holder are before it. Of those in the same circle: when the others are served is
/// their machines' matter.
std::size_t waiter_queue::ahead(const circle& among, const line_key& whose, std::size_t own,
                                std::size_t limit) const {
  constexpr auto at_the_end = std::numeric_limits<turn_number>::max();
  auto identity = round_of_.find(whose.second);
  auto in_turn = identity == round_of_.end() ? at_the_end : identity->second;
  if (auto in = among.find(in_turn); in != among.end()) {
    auto holder = line_of_.find(whose);
    own = ahead_in(in->second.holders, holder == line_of_.end() ? at_the_end : holder->second, own, limit,
                   [](const line& other) { return other.waiting.size(); });
  }
  return ahead_in(among, in_turn, own, limit, [](const round& other) { return other.waiting; });
}

std::size_t waiter_queue::ahead_of(ticket place, std::size_t limit) const {
  const auto& who = at(place);
  if (who.carries) {
    std::size_t before = 0;
    for (auto each = carriers_.begin(); before < limit && *each < place; ++each)
      ++before;
    return before;
  }
  const auto& among = who.machine.empty() ? rounds_ : asking_.at(who.machine);
  line_key whose{who.holder, who.identity};
  const auto& mine = among.at(round_of_.at(who.identity)).holders.at(line_of_.at(whose)).waiting;
  std::size_t own = 0;
  for (auto before = mine.begin(); own < limit && *before < place; ++before)
    ++own;
  return ahead(among, whose, own, limit);
}

std::size_t waiter_queue::ahead_of_newcomer(holder_id holder, const std::string& identity,
                                            std::size_t limit) const {
  line_key whose{holder, identity};
  std::size_t own = 0;
  if (auto turn = line_of_.find(whose); turn != line_of_.end())
    if (auto in = rounds_.find(round_of_.at(identity)); in != rounds_.end())
      if (auto of = in->second.holders.find(turn->second); of != in->second.holders.end())
        own = of->second.waiting.size();
  return ahead(rounds_, whose, own, limit);
}

void waiter_queue::list(const circle& of, std::vector<ticket>& order) {
  struct left_of_line {
    std::set<ticket>::const_iterator next, end;
  };
  using left_of_round = std::list<left_of_line>;
  std::list<left_of_round> left;
  for (const auto& [turn, in] : of) {
    auto& lines = left.emplace_back();
    for (const auto& [holder_turn, line] : in.holders)
      lines.push_back({line.waiting.begin(), line.waiting.end()});
  }
  while (!left.empty()) {
    auto& lines = left.front();
    auto& first = lines.front();
    order.push_back(*first.next++);
    if (first.next == first.end)
      lines.pop_front();
    else
      lines.splice(lines.end(), lines, lines.begin());
    if (lines.empty())
      left.pop_front();
    else
      left.splice(left.end(), left, left.begin());
  }
}

std::vector<waiter_queue::ticket> waiter_queue::in_order() const {
  std::vector<ticket> order{carriers_.begin(), carriers_.end()};
  order.reserve(size());
  for_each_circle([&order](const circle& among) { list(among, order); });
  return order;
}

void waiter_queue::verify() const {
  std::size_t with_deadline = 0, yielding = 0;
  for (const auto& [place, w] : waiters_) {
    with_deadline += w.deadline != time_point::max();
    ensure(w.deadline == time_point::max() || deadlines_.count({w.deadline, place}) == 1,
           "a deadline is watched");
    ensure(of(w.request) == place, "a waiter is found by its request");
    yielding += w.yields;
    ensure(!w.yields || yielding_.count({w.asked, place}) == 1, "who yields is known");
    ensure(w.carries == (carriers_.count(place) == 1) &&
               w.carries == (carriers_of_.count({w.holder, place}) == 1),
           "who wants to be carried is known");
  }
  ensure(carriers_.size() <= waiters_.size() && carriers_of_.size() == carriers_.size(),
         "only who waits wants to be carried");
  ensure(deadlines_.size() == with_deadline, "a deadline has its waiter");
  ensure(yielding_.size() == yielding, "only who waits and yields is known to");
  ensure(by_request_.size() == waiters_.size(), "nobody waits twice");
  verify_turns();
}

void waiter_queue::verify_turns() const {
  std::size_t waiting = 0, asking = 0;
  std::set<turn_number> identities;
  std::set<std::pair<turn_number, turn_number>> lines;
  for_each_circle([&](const circle& among) {
    for (const auto& [turn, in] : among)
      identities.insert(turn);
  });
  for (const auto& [identity, turn] : round_of_)
    ensure(identities.contains(turn), "an identity has its turn");
  ensure(identities.size() == round_of_.size(), "an identity has one turn");
  for_each_circle([&](const circle& among) {
    for (const auto& [turn, in] : among) {
      std::size_t of_identity = 0;
      for (const auto& [holder_turn, of] : in.holders) {
        ensure(!of.waiting.empty(), "nobody has a turn who does not wait");
        ensure(holder_turn <= last_turn_ && turn <= last_turn_, "who comes goes to the end");
        of_identity += of.waiting.size();
        lines.emplace(turn, holder_turn);
      }
      ensure(of_identity == in.waiting && of_identity > 0, "an identity's waiters are counted");
      waiting += of_identity;
      asking += &among == &rounds_ ? 0 : of_identity;
    }
  });
  ensure(waiting == for_leases() && asking == asking_count_,
         "whoever waits for a lease has a turn, and one only");
  ensure(line_of_.size() == lines.size(), "a waiter is known to its holder");
  for (const auto& [place, w] : waiters_) {
    if (w.carries)
      continue;
    auto holder = line_of_.find({w.holder, w.identity});
    auto identity = round_of_.find(w.identity);
    ensure(holder != line_of_.end() && identity != round_of_.end(), "a waiter is known to its holder");
    auto asked = asking_.find(w.machine);
    ensure(w.machine.empty() || asked != asking_.end(), "whoever asks for a machine waits for it");
    const auto& among = w.machine.empty() ? rounds_ : asked->second;
    auto in = among.find(identity->second);
    ensure(in != among.end(), "a waiter is known to its holder");
    auto of = in->second.holders.find(holder->second);
    ensure(of != in->second.holders.end() && of->second.waiting.contains(place),
           "a waiter waits under its holder's turn");
  }
}

} // namespace moorage
