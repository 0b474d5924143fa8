// Who waits, and in which order.
#include "actors/pool/policies/waiter_queue.hpp"

#include <algorithm>
#include <limits>
#include <list>

#include "messages/ensure.hpp"

namespace moorage {

namespace {

/// Moves an entry of a circle to its end, where `turn` names it.
template <class Circle>
void to_the_end(Circle& circle, std::uint64_t& turn, std::uint64_t last) {
  auto node = circle.extract(turn);
  node.key() = turn = last;
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

void waiter_queue::join_turns(ticket place, const waiter& who) {
  auto [identity, fresh] = round_of_.try_emplace(who.identity, last_turn_ + 1);
  auto& in = fresh ? rounds_.emplace_hint(rounds_.end(), ++last_turn_, round{})->second
                   : rounds_.at(identity->second);
  ++in.waiting;
  auto [holder, new_line] = line_of_.try_emplace({who.holder, who.identity}, last_turn_ + 1);
  auto& of = new_line ? in.holders.emplace_hint(in.holders.end(), ++last_turn_, line{})->second
                      : in.holders.at(holder->second);
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
  auto identity = round_of_.find(who.identity);
  auto in = rounds_.find(identity->second);
  auto holder = line_of_.find({who.holder, who.identity});
  auto of = in->second.holders.find(holder->second);
  of->second.waiting.erase(place);
  if (of->second.waiting.empty()) {
    in->second.holders.erase(of);
    line_of_.erase(holder);
  }
  if (--in->second.waiting == 0) {
    rounds_.erase(in);
    round_of_.erase(identity);
  }
  return who;
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

waiter waiter_queue::serve() {
  auto who = leave(turn());
  auto identity = round_of_.find(who.identity);
  if (identity == round_of_.end())
    return who;
  to_the_end(rounds_, identity->second, ++last_turn_);
  if (auto holder = line_of_.find({who.holder, who.identity}); holder != line_of_.end())
    to_the_end(rounds_.at(identity->second).holders, holder->second, ++last_turn_);
  return who;
}

waiter_queue::ticket waiter_queue::turn() const {
  return rounds_.empty() ? 0 : *rounds_.begin()->second.holders.begin()->second.waiting.begin();
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
  const auto& in = rounds_.at(round_of_.at(position->first.second));
  return *in.holders.at(position->second).waiting.begin();
}

/// `own`: how many of its holder are before it.
std::size_t waiter_queue::ahead(const line_key& whose, std::size_t own, std::size_t limit) const {
  constexpr auto at_the_end = std::numeric_limits<turn_number>::max();
  auto identity = round_of_.find(whose.second);
  auto in_turn = identity == round_of_.end() ? at_the_end : identity->second;
  if (identity != round_of_.end()) {
    auto holder = line_of_.find(whose);
    own = ahead_in(rounds_.at(in_turn).holders, holder == line_of_.end() ? at_the_end : holder->second, own,
                   limit, [](const line& other) { return other.waiting.size(); });
  }
  return ahead_in(rounds_, in_turn, own, limit, [](const round& other) { return other.waiting; });
}

std::size_t waiter_queue::ahead_of(ticket place, std::size_t limit) const {
  const auto& who = at(place);
  if (who.carries) {
    std::size_t before = 0;
    for (auto each = carriers_.begin(); before < limit && *each < place; ++each)
      ++before;
    return before;
  }
  line_key whose{who.holder, who.identity};
  const auto& mine = rounds_.at(round_of_.at(who.identity)).holders.at(line_of_.at(whose)).waiting;
  std::size_t own = 0;
  for (auto before = mine.begin(); own < limit && *before < place; ++before)
    ++own;
  return ahead(whose, own, limit);
}

std::size_t waiter_queue::ahead_of_newcomer(holder_id holder, const std::string& identity,
                                            std::size_t limit) const {
  line_key whose{holder, identity};
  std::size_t own = 0;
  if (auto turn = line_of_.find(whose); turn != line_of_.end())
    own = rounds_.at(round_of_.at(identity)).holders.at(turn->second).waiting.size();
  return ahead(whose, own, limit);
}

std::vector<waiter_queue::ticket> waiter_queue::in_order() const {
  struct left_of_line {
    std::set<ticket>::const_iterator next, end;
  };
  using left_of_round = std::list<left_of_line>;
  std::list<left_of_round> left;
  for (const auto& [turn, in] : rounds_) {
    auto& lines = left.emplace_back();
    for (const auto& [holder_turn, of] : in.holders)
      lines.push_back({of.waiting.begin(), of.waiting.end()});
  }
  std::vector<ticket> order{carriers_.begin(), carriers_.end()};
  order.reserve(size());
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
  std::size_t waiting = 0, lines = 0;
  for (const auto& [identity, turn] : round_of_) {
    auto in = rounds_.find(turn);
    ensure(in != rounds_.end(), "an identity has its turn");
    std::size_t of_identity = 0;
    for (const auto& [holder_turn, of] : in->second.holders) {
      ensure(!of.waiting.empty(), "nobody has a turn who does not wait");
      ensure(holder_turn <= last_turn_ && turn <= last_turn_, "who comes goes to the end");
      of_identity += of.waiting.size();
      ++lines;
    }
    ensure(of_identity == in->second.waiting && of_identity > 0, "an identity's waiters are counted");
    waiting += of_identity;
  }
  ensure(rounds_.size() == round_of_.size(), "an identity has one turn");
  ensure(waiting == for_leases(), "whoever waits for a lease has a turn, and one only");
  ensure(line_of_.size() == lines, "a waiter is known to its holder");
  for (const auto& [place, w] : waiters_) {
    if (w.carries)
      continue;
    auto holder = line_of_.find({w.holder, w.identity});
    auto identity = round_of_.find(w.identity);
    ensure(holder != line_of_.end() && identity != round_of_.end(), "a waiter is known to its holder");
    const auto& holders = rounds_.at(identity->second).holders;
    auto of = holders.find(holder->second);
    ensure(of != holders.end() && of->second.waiting.contains(place),
           "a waiter waits under its holder's turn");
  }
}

} // namespace moorage
