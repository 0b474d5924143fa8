// Leave to log in, as the observer books and judges it.
#include <algorithm>
#include <utility>

#include "tests/core/observer.hpp"

namespace moorage::test {

namespace {

using namespace std::chrono_literals;

void permit_promise(bool kept, const char* words) {
  if (!kept)
    throw broken_promise{words};
}

} // namespace

std::size_t observer::wishes() const {
  return static_cast<std::size_t>(
      std::count_if(permits_.begin(), permits_.end(), [](const auto& p) { return !p.second.given; }));
}

void observer::hear(const permit_given& event) {
  auto found = permits_.find(event.permit);
  if (found == permits_.end())
    strays_.push_back(event.permit);
  else
    found->second.given = true;
}

void observer::hear(const permit_delayed& event) {
  if (auto found = permits_.find(event.permit); found != permits_.end() && !found->second.given)
    found->second.asked = now_;
}

void observer::hear(const permits_forgotten&) {
  forgotten_now_ = true;
  for (auto& [permit, book] : permits_)
    book.told_anew = false;
}

void observer::see(const request_permit& effect) {
  auto [found, fresh] = permits_.try_emplace(effect.permit);
  auto& book = found->second;
  book.told_anew = true;
  if (effect.held)
    return permit_promise(!fresh && book.connection && forgotten_now_,
                          "only a new giver is told of what is in use");
  permit_promise(works(), "a pool that is paused, drained or stopping asks for no leave");
  permit_promise(effect.anew == std::exchange(reset_, false),
                 "signs of a ban are forgotten where an administrator says so, and only there");
  if (fresh)
    permit_promise(effect.permit.value > last_permit_, "a permit's id is never used again");
  else
    permit_promise(!book.given && (forgotten_now_ || hurried_now_ || now_ - book.asked >= 10s),
                   "a permit is asked for again only when nothing was heard of it");
  last_permit_ = std::max(last_permit_, effect.permit.value);
  book.asked = now_;
}

void observer::see(const return_permit& effect) {
  if (auto stray = std::find(strays_.begin(), strays_.end(), effect.permit); stray != strays_.end()) {
    permit_promise(effect.use == permit_use::unused, "a permit that was not used is given back as such");
    strays_.erase(stray);
    return;
  }
  auto found = permits_.find(effect.permit);
  permit_promise(found != permits_.end(), "a permit is given back once");
  auto used = found->second.connection;
  permit_promise(!used == (effect.use == permit_use::unused),
                 "a permit that was not used is given back as such");
  if (used) {
    // A closing one's end shows here first: it is the effect of the same step.
    auto phase_now = connections_[used.value].now;
    permit_promise(phase_now != phase::trying, "a permit goes back when its log-in has ended, not before");
    auto let_in = phase_now == phase::open;
    permit_promise(let_in == (effect.use == permit_use::let_in), "a permit goes back with what became of it");
  }
  permits_.erase(found);
}

void observer::use_permit(permit_id permit, connection_id connection) {
  auto found = permits_.find(permit);
  permit_promise(found != permits_.end() && found->second.given && !found->second.connection,
                 "a log-in begins with leave of its own");
  found->second.connection = connection;
}

void observer::check_permits(time_point next_due) {
  permit_promise(strays_.empty(), "a permit that is not needed goes back at once");
  auto wishing = wishes();
  permit_promise(wishing == 0 || works(), "who opens nothing waits for no leave");
  permit_promise(wishing == 0 || next_due <= now_ + 60s, "a permit that does not come is asked for again");
  auto waiting = count(phase::between_tries, phase::between_tries);
  auto opening = count(phase::trying, phase::between_tries);
  if (auto most = settings_.connects_at_once; most > 0)
    permit_promise(wishing <= waiting + most - std::min<std::size_t>(opening, most),
                   "no more leave is asked for than may be used");
  for (const auto& [permit, book] : permits_) {
    permit_promise(!book.given || book.connection, "a permit is used at once, or given back");
    permit_promise(book.told_anew, "a new giver is told of everything");
    if (!book.connection)
      continue;
    auto phase_now = connections_[book.connection.value].now;
    permit_promise(phase_now == phase::trying || phase_now == phase::closing,
                   "a permit goes back as soon as its log-in has ended");
  }
  forgotten_now_ = hurried_now_ = false;
}

} // namespace moorage::test
