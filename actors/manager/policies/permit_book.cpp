// Permits: sites, turns, and the process's allowance.
#include "actors/manager/policies/permit_book.hpp"

#include <algorithm>
#include <iterator>

namespace moorage {

namespace {

/// Names of hosts differ by their letters, not by the letters' case (RFC 4343).
std::string in_lower_case(std::string name) {
  for (auto& c : name)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return name;
}

std::string spelled(const std::string& host, std::uint16_t port) {
  auto literal = host.find(':') != std::string::npos;
  return (literal ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

} // namespace

permit_book::pool_book& permit_book::booked(time_point now, pool_number number,
                                            const permit_request& request) {
  site_name name{in_lower_case(request.host), request.port};
  auto found = pools_.find(number);
  if (found != pools_.end() && found->second.at->first != name) {
    leave_site(now, found->second);
    found->second.waiting.clear(); // for another site: what is still wanted is asked for anew
  }
  if (found == pools_.end() || found->second.at == sites_.end()) {
    auto at = sites_.try_emplace(std::move(name)).first;
    if (found == pools_.end())
      found = pools_.try_emplace(number).first;
    found->second.at = at;
    ++at->second.pools;
    found->second.terms = request;
    set_rates(now, at);
  } else if (found->second.terms.pool_size != request.pool_size ||
             found->second.terms.log_ins_per_minute != request.log_ins_per_minute) {
    found->second.terms = request;
    set_rates(now, found->second.at);
  } else {
    found->second.terms = request;
  }
  return found->second;
}

/// The strictest cluster there decides how many, the largest how many at once.
void permit_book::set_rates(time_point now, site_map::iterator at) {
  std::uint32_t a_minute = 0, burst = 1;
  for (const auto& [number, pool] : pools_) {
    if (pool.at != at)
      continue;
    burst = std::max(burst, pool.terms.pool_size);
    if (auto own = pool.terms.log_ins_per_minute; own > 0)
      a_minute = a_minute == 0 ? own : std::min(a_minute, own);
  }
  if (a_minute == 0)
    return;
  auto& s = at->second;
  s.budget.set(now, a_minute, burst);
  // Of a lost book's site nobody knows what it had left, and who asks first may be the smallest pool there.
  if (now < cautious_until_ && burst > std::exchange(s.emptied_for, std::max(burst, s.emptied_for)))
    s.budget.begin_empty(now);
}

std::chrono::nanoseconds permit_book::budget_full_in(time_point now, const std::string& host,
                                                     std::uint16_t port) const {
  auto found = sites_.find({in_lower_case(host), port});
  return found == sites_.end() ? std::chrono::nanoseconds{0} : found->second.budget.full_in(now);
}

void permit_book::join_budget(time_point now, const permit_request& of, std::chrono::nanoseconds full_in) {
  if (of.log_ins_per_minute == 0)
    return;
  auto& s = sites_.try_emplace(site_name{in_lower_case(of.host), of.port}).first->second;
  if (s.pools == 0)
    s.budget.set(now, of.log_ins_per_minute, of.pool_size);
  s.budget.join(now, full_in);
}

void permit_book::leave_site(time_point now, pool_book& pool) {
  auto at = std::exchange(pool.at, sites_.end());
  --at->second.pools;
  if (at->second.pools > 0)
    set_rates(now, at);
  forget_if_idle(now, at);
  // What others left behind has run off meanwhile, perhaps.
  for (auto each = sites_.begin(); each != sites_.end();)
    forget_if_idle(now, each++);
}

void permit_book::forget_if_idle(time_point now, site_map::iterator at) {
  const auto& s = at->second;
  if (s.pools == 0 && s.under_way == 0 && s.budget.full(now) && s.penalties.account(now).count() == 0 &&
      s.cooling.over(now))
    sites_.erase(at);
}

void permit_book::ask(time_point now, pool_number number, const permit_request& request) {
  auto& pool = booked(now, number, request);
  if (request.anew)
    pool.at->second.cooling = {};
  if (pool.held.contains(request.permit)) {
    answers_.push_back({number, request.permit, time_point::min(), {}});
    return;
  }
  if (request.held) {
    give(now, number, pool, request.permit);
    return answers_.pop_back(); // it has it
  }
  pool.told = obstacle::none; // who asks again has not heard of the delay, perhaps
  auto waits = std::find(pool.waiting.begin(), pool.waiting.end(), request.permit) != pool.waiting.end();
  if (waits || pool.waiting.size() >= waiting_max)
    return;
  pool.waiting.push_back(request.permit);
  if (!std::exchange(pool.in_line, true))
    line_.push_back(number);
}

void permit_book::take_back(time_point now, pool_number number, const return_permit& what) {
  auto found = pools_.find(number);
  if (found == pools_.end())
    return;
  auto& pool = found->second;
  std::erase(pool.waiting, what.permit);
  if (auto node = pool.held.extract(what.permit); !node.empty()) {
    if (what.use != permit_use::unused) {
      auto let_in = what.use == permit_use::let_in;
      pool.failing = !let_in && (pool.failing || what.lasted >= hangs_from);
      pool.proven_until = let_in ? after(now, proves_for) : time_point::min();
    }
    ended(now, node.mapped(), what.use, what.lasted);
  }
}

void permit_book::pool_ended(time_point now, pool_number number) {
  auto node = pools_.extract(number);
  if (node.empty())
    return;
  auto& pool = node.mapped();
  for (auto& [permit, each] : pool.held)
    ended(now, each, permit_use::cut_short, between(each.began, now));
  std::erase(line_, number);
  leave_site(now, pool);
}

void permit_book::ended(time_point now, log_in& what, permit_use use, std::chrono::nanoseconds lasted) {
  --given_;
  given_to_failing_ -= what.of_failing;
  auto& s = what.at->second;
  --s.under_way;
  s.penalties.ended(now, what.worst, login_penalties::cost(use, lasted));
  if (use == permit_use::unused || use == permit_use::unreached)
    s.budget.give_back();
  else if (use == permit_use::turned_away || use == permit_use::denied_too_often)
    s.cooling.turned_away(now, what.began, random_);
  else if (use == permit_use::let_in)
    s.cooling.let_in(what.began);
  forget_if_idle(now, what.at);
}

void permit_book::give(time_point now, pool_number number, pool_book& pool, permit_id permit) {
  log_in fresh{pool.at, now, login_penalties::worst(pool.terms.log_in_max), pool.failing};
  given_to_failing_ += fresh.of_failing;
  auto& s = pool.at->second;
  ++s.under_way;
  s.budget.take(now);
  s.penalties.began(fresh.worst);
  pool.held.emplace(permit, fresh);
  ++given_;
  answers_.push_back({number, permit, time_point::min(), {}});
}

/// A pool that holds some gets another only while more than that are free: however many it asks for, and
/// however long it keeps them, others find some. And a second one, while others log in as well, only once a
/// first was let in: those that hang keep what they have for long, and there may be many of them. So those
/// whose last one hung have half of all together.
///
/// A jump has its first one whatever the others hold: they may be waiting for nothing else.
permit_book::hindrance permit_book::hindrance_of(const pool_book& pool, time_point now) const {
  auto first_of_jump = pool.terms.carries && pool.held.empty();
  if (at_once_ > 0 && at_once_ <= given_ + pool.held.size() && !first_of_jump)
    return {obstacle::process, time_point::max()};
  if (at_once_ > 1 && pool.failing && given_to_failing_ >= at_once_ / 2 && !first_of_jump)
    return {obstacle::process, time_point::max()};
  if (at_once_ > 0 && pool.proven_until <= now && !pool.held.empty() && given_ > pool.held.size())
    return {obstacle::unproven, time_point::max()};
  const auto& s = pool.at->second;
  hindrance result;
  auto keep_later = [&](obstacle what, time_point until) {
    if (until > now && until > result.until)
      result = {what, until};
  };
  if (pool.terms.log_ins_per_minute > 0)
    keep_later(obstacle::budget, s.budget.may_begin_at());
  if (pool.terms.penalty_max.count() > 0) {
    auto at = s.penalties.may_begin_at(login_penalties::worst(pool.terms.log_in_max), pool.terms.penalty_max);
    keep_later(at == time_point::max() ? obstacle::under_way : obstacle::penalties, at);
    keep_later(obstacle::cooling, s.cooling.may_begin_at());
  }
  return result;
}

std::string permit_book::in_words(const pool_book& pool, obstacle what) const {
  auto where = spelled(pool.terms.host, pool.terms.port);
  switch (what) {
  case obstacle::process:
    return "the log-ins under way of all clusters are as many as connects_at_once of [limits] leaves to "
           "one, " +
           std::to_string(at_once_) + " together";
  case obstacle::unproven:
    return "a first log-in at " + where + " is under way, and those of other clusters as well";
  case obstacle::budget:
    return "the log-ins at " + where + " are as many as log_ins_per_minute allows";
  case obstacle::penalties:
    return "log-ins at " + where +
           " have failed, and more would be banned by servers that count them "
           "(penalty_max)";
  case obstacle::under_way:
    return "as many log-ins are under way at " + where +
           " as may fail together without a ban by servers that count them (penalty_max)";
  case obstacle::cooling:
    return where + " has turned a log-in away, as it does when there are too many or when it bans us";
  case obstacle::none:
    break;
  }
  return {};
}

std::vector<permit_book::answer> permit_book::settle(time_point now) {
  due_ = time_point::max();
  for (std::size_t passed = 0; passed < line_.size();) {
    auto number = line_.front();
    line_.pop_front();
    auto& pool = pools_.at(number);
    auto why = pool.waiting.empty() ? hindrance{} : hindrance_of(pool, now);
    if (!pool.waiting.empty() && why.what == obstacle::none) {
      auto permit = pool.waiting.front();
      pool.waiting.pop_front();
      give(now, number, pool, permit);
      pool.told = obstacle::none;
      passed = 0;
      due_ = time_point::max();
    }
    if (pool.waiting.empty()) {
      pool.in_line = false;
      continue;
    }
    line_.push_back(number);
    if (why.what == obstacle::none)
      continue;
    ++passed;
    due_ = std::min(due_, why.until);
    if (pool.told == why.what && pool.told_until == why.until)
      continue;
    pool.told = why.what;
    pool.told_until = why.until;
    for (auto permit : pool.waiting)
      answers_.push_back({number, permit, why.until, in_words(pool, why.what)});
  }
  return std::exchange(answers_, {});
}

} // namespace moorage
