// Promises: each check of the pool's own books is seen failing once. The surgeon falsifies one entry;
// `verify` names what should have held.
#include "messages/ensure.hpp"
#include "tests/core/story.hpp"

namespace moorage {

class pool_core_surgeon {
public:
  using cut = void (*)(pool_core&);
  struct operation {
    const char* invariant;
    cut falsify;
  };

  static const std::vector<operation>& on_connections();
  static const std::vector<operation>& on_leases();
  static const std::vector<operation>& on_a_queue();
  static const std::vector<operation>& on_a_paused_queue();

private:
  static auto& c(pool_core& core, std::uint64_t id) { return core.connections_.at(connection_id{id}); }
};

namespace {

using namespace moorage::test;
using surgeon = pool_core_surgeon;

/// c1 leased as l1 and confirmed, c2 leased as l2 and not yet, c3 idle, c4 giving up l4, c5 between two
/// tries.
pool_core busy() {
  auto settings = lumi(5);
  settings.connects_at_once = 5;
  story s{settings};
  for (std::uint64_t i = 1; i <= 5; ++i)
    s.acquire(request_id{i}, h1, 1h);
  for (std::uint64_t i = 1; i <= 4; ++i)
    s.step(connection_opened{connection_id{i}});
  s.step(lease_confirmed{l1});
  s.step(acquire_cancelled{r5});
  s.release(l3, h1);
  s.step(ordered<revoke_lease>{{}, {{}, l4}});
  s.step(connection_failed{c5, error_of(ssh_failure::reset)});
  REQUIRE(s.status().opening == 1);
  REQUIRE(s.status().idle == 1);
  REQUIRE(s.status().waiters == 0);
  return s.core;
}

/// c1 leased as l1, and r2 waiting.
pool_core queued() {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.acquire(r2, h2, 10s);
  return s.core;
}

/// Nothing but r1 waiting.
pool_core paused() {
  story s{lumi()};
  s.step(ordered<pause_pool>{});
  s.acquire(r1, h1, 10s);
  return s.core;
}

void check_all(const pool_core& sound, const std::vector<surgeon::operation>& operations) {
  CHECK_NOTHROW(sound.verify());
  for (const auto& operation : operations) {
    auto broken = sound;
    operation.falsify(broken);
    std::string noticed = "nothing";
    try {
      broken.verify();
    } catch (const broken_invariant& e) {
      noticed = e.what();
    }
    CHECK(noticed == operation.invariant);
  }
}

} // namespace

const std::vector<surgeon::operation>& surgeon::on_connections() {
  static const std::vector<operation> all{
      {"a connection is filed under its id", [](pool_core& p) { c(p, 1).id = connection_id{77}; }},
      {"total = opening + idle + leased + closing", [](pool_core& p) { ++p.counts_[1]; }},
      {"the servable connections are counted", [](pool_core& p) { ++p.servable_; }},
      {"the probes in flight are counted", [](pool_core& p) { ++p.probing_; }},
      {"an index holds nothing that is gone",
       [](pool_core& p) {
         grant_index::place stray;
         p.grantable_.list(stray, grant_rank{{}, true, 0, 0, 0, connection_id{99}});
       }},
      {"every idle connection is listed as idle",
       [](pool_core& p) {
         stamp_index::place stray;
         p.idle_.list(stray, std::pair{std::uint64_t{999}, connection_id{99}});
       }},
      {"every opening is listed",
       [](pool_core& p) {
         id_index::place stray;
         p.openings_.list(stray, connection_id{99});
       }},
      {"exactly the leased connections carry anything", [](pool_core& p) { c(p, 1).leases.clear(); }},
      {"a condemned connection is closed as soon as it carries nothing",
       [](pool_core& p) { c(p, 3).condemned = true, c(p, 3).servable = false, --p.servable_; }},
      {"only an open connection is under probe",
       [](pool_core& p) { c(p, 5).health.probe_started(probe_id{9}, false, p.now_, 5s), ++p.probing_; }},
      {"what is doubted is asked", [](pool_core& p) { c(p, 3).health.doubt(); }},
      {"what is open and not condemned may serve",
       [](pool_core& p) { c(p, 3).servable = false, --p.servable_; }},
      {"a connection that is condemned, or doubtful and leased, is not granted",
       [](pool_core& p) {
         c(p, 1).health.failed(p.now_), p.grantable_.list(c(p, 1).in_grants, grant_rank{});
       }},
      {"no slot is granted twice", [](pool_core& p) { p.grantable_.list(c(p, 1).in_grants, grant_rank{}); }},
      {"the order of granting agrees with the connection",
       [](pool_core& p) { p.grantable_.list(c(p, 3).in_grants, grant_rank{}); }},
      {"the order of idleness agrees with the connection",
       [](pool_core& p) {
         p.idle_.list(c(p, 3).in_idle, std::pair{std::uint64_t{999}, c3});
       }},
      {"a try that is due is listed", [](pool_core& p) { p.retries_.list(c(p, 5).in_retries, {}); }},
      {"the openings are listed",
       [](pool_core& p) { p.openings_.list(c(p, 5).in_openings, connection_id{99}); }},
      {"what is to be replaced is listed", [](pool_core& p) { p.outlived_.list(c(p, 3).in_outlived, c3); }},
      {"a connection's next time is listed", [](pool_core& p) { c(p, 3).age.set_lifetime(p.now_, 2ns); }},
      {"a connection's next time is listed",
       [](pool_core& p) {
         p.timers_.list(c(p, 3).in_timers, std::pair{p.now_, c3});
       }},
      {"who is to be asked is listed once",
       [](pool_core& p) {
         p.checks_.list(c(p, 3).in_checks, std::pair{p.now_, c3});
       }},
      {"who is to be asked is listed once",
       [](pool_core& p) {
         p.doubts_.list(c(p, 3).in_doubts, std::pair{p.now_, c3});
       }},
      {"an open connection is checked sooner or later", [](pool_core& p) { c(p, 3).checks = {}; }},
      {"the probes in flight are counted", [](pool_core& p) { ++p.checking_; }},
      {"a pool that was made smaller keeps only what is leased",
       [](pool_core& p) { p.settings_.pool_size = 1; }},
      {"a pool backs off for a reason",
       [](pool_core& p) { p.back_off_.failed(p.now_, p.now_, {}, back_off::reach::site, p.random_); }},
      {"a try that is due is made", [](pool_core& p) { c(p, 5).retry_at = p.now_, p.refresh(c(p, 5)); }},
      {"what falls due is done",
       [](pool_core& p) { c(p, 3).age.set_lifetime(p.now_ - 1s, 1ns), p.refresh(c(p, 3)); }},
      {"a pool that is stopping has only closing connections", [](pool_core& p) { p.stopping_ = true; }},
  };
  return all;
}

const std::vector<surgeon::operation>& surgeon::on_leases() {
  static const std::vector<operation> all{
      {"a pool that drains keeps only what is leased", [](pool_core& p) { p.state_ = pool_state::draining; }},
      {"the connections that hang are counted", [](pool_core& p) { ++p.hanging_; }},
      {"nobody but an opening waits for a person", [](pool_core& p) { c(p, 3).waits_for = "a touch"; }},
      {"a connection carries leases that exist", [](pool_core& p) { c(p, 1).leases[0] = lease_id{99}; }},
      {"a lease that was taken back is over", [](pool_core& p) { c(p, 4).ending.push_back(l1); }},
      {"a lease is known to its holder", [](pool_core& p) { p.leases_of_.clear(); }},
      {"an unconfirmed lease is watched", [](pool_core& p) { p.leases_.at(l2).confirmed = true; }},
      {"a grant that nobody confirms is taken back in time",
       [](pool_core& p) { p.leases_.at(l2).granted -= 6s; }},
      {"a lease belongs to exactly one connection",
       [](pool_core& p) {
         p.leases_.emplace(lease_id{99}, p.leases_.at(l1));
         p.leases_of_.insert({h1, lease_id{99}});
       }},
      {"a lease has exactly one holder",
       [](pool_core& p) {
         p.leases_of_.insert({h3, l1});
       }},
      {"nothing is watched that is confirmed", [](pool_core& p) { p.unconfirmed_.insert(lease_id{999}); }},
      {"a lease ends once: released or reclaimed", [](pool_core& p) { ++p.counters_.grants; }},
      {"an acquire is answered once", [](pool_core& p) { ++p.counters_.acquires; }},
  };
  return all;
}

const std::vector<surgeon::operation>& surgeon::on_a_queue() {
  static const std::vector<operation> all{
      {"nobody waits beyond the deadline",
       [](pool_core& p) { p.waiters_.waiters_.begin()->second.deadline = p.now_; }},
      {"a deadline is watched", [](pool_core& p) { p.waiters_.deadlines_.clear(); }},
      {"a waiter is known to its holder", [](pool_core& p) { p.waiters_.line_of_.clear(); }},
      {"a waiter waits under its holder's turn", [](pool_core& p) { ++p.waiters_.line_of_.begin()->second; }},
      {"an identity has its turn", [](pool_core& p) { p.waiters_.rounds_.clear(); }},
      {"an identity has one turn", [](pool_core& p) { p.waiters_.rounds_[0]; }},
      {"nobody has a turn who does not wait",
       [](pool_core& p) { p.waiters_.rounds_.begin()->second.holders[0]; }},
      {"who comes goes to the end", [](pool_core& p) { p.waiters_.last_turn_ = 0; }},
      {"an identity's waiters are counted",
       [](pool_core& p) { ++p.waiters_.rounds_.begin()->second.waiting; }},
      {"whoever waits for a lease has a turn, and one only",
       [](pool_core& p) {
         auto& round = p.waiters_.rounds_.begin()->second;
         ++round.waiting, round.holders.begin()->second.waiting.insert(99);
       }},
      {"a waiter is found by its request", [](pool_core& p) { p.waiters_.by_request_.clear(); }},
      {"only who waits and yields is known to",
       [](pool_core& p) {
         p.waiters_.yielding_.insert({p.now_, 99});
       }},
      {"who yields is known", [](pool_core& p) { p.waiters_.waiters_.begin()->second.yields = true; }},
      {"a pool is overloaded only while somebody waits that it could serve",
       [](pool_core& p) {
         p.overload_ = {};
         p.overload_.look(p.now_ - 1h, true, p.overload_bounds());
         p.overload_.look(p.now_, true, p.overload_bounds());
         p.pauses_.push_back({h1, {}, false, p.now_});
       }},
      {"overload begins in time",
       [](pool_core& p) { p.settings_.overload_target = p.settings_.overload_interval = 0ms; }},
      {"a deadline has its waiter",
       [](pool_core& p) {
         p.waiters_.deadlines_.insert({p.now_ + 1s, 99});
       }},
      {"nobody waits twice", [](pool_core& p) { p.waiters_.by_request_.emplace(r9, 1); }},
      {"nobody waits while a slot may be granted",
       [](pool_core& p) {
         p.settings_.channels_per_connection = 2;
         p.refresh(c(p, 1));
       }},
      {"nobody waits for a pool that is stopping", [](pool_core& p) { p.stopping_ = true; }},
      {"nobody waits for a pool that drains", [](pool_core& p) { p.state_ = pool_state::draining; }},
      {"a drained pool has nothing left",
       [](pool_core& p) {
         p.state_ = pool_state::drained;
         p.dooms_.emplace_back();
       }},
      {"nobody waits for the end of a drain that was undone",
       [](pool_core& p) {
         p.pending_.push_back({r9, c1, true});
       }},
  };
  return all;
}

const std::vector<surgeon::operation>& surgeon::on_a_paused_queue() {
  static const std::vector<operation> all{
      {"nobody waits for a pool that cannot serve",
       [](pool_core& p) {
         p.back_off_.set_latch({errc::auth_denied, "x"});
       }},
      {"what is needed is asked for, unless the pool backs off", [](pool_core& p) { p.pauses_.clear(); }},
      {"no more pauses than there may be",
       [](pool_core& p) { p.pauses_.resize(pool_core::pauses_max + 1, p.pauses_.front()); }},
      {"a pause that is nobody's is kept", [](pool_core& p) { p.pauses_.front().keep = false; }},
      {"a sender has one pause", [](pool_core& p) { p.pauses_.push_back(pool_pause{p.pauses_.front()}); }},
  };
  return all;
}

TEST_CASE("verify notices wrong books of connections", "[planted]") {
  check_all(busy(), surgeon::on_connections());
}

TEST_CASE("verify notices wrong books of leases", "[planted]") {
  check_all(busy(), surgeon::on_leases());
}

TEST_CASE("verify notices wrong books of waiters", "[planted]") {
  check_all(queued(), surgeon::on_a_queue());
  check_all(paused(), surgeon::on_a_paused_queue());
}

TEST_CASE("a broken invariant says in words what should have held") {
  CHECK_THROWS_AS(ensure(false, "water is wet"), broken_invariant);
  CHECK_THROWS_WITH(ensure(false, "water is wet"), "water is wet");
  CHECK_NOTHROW(ensure(true, "water is wet"));
  CHECK_THROWS_AS((pool_core{lumi(), 1, 0}), broken_invariant);
}

} // namespace moorage
