// Promises: each of the observer's checks is seen failing once. A falsifier stands between the pool and the
// observer and makes the pool look as if it had one bug; lives in the impolite world go by until the observer
// notices.
#include <catch2/catch.hpp>

#include "tests/core/falsifiers.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;

namespace {

void check_all(const std::vector<planted>& bugs) {
  for (const auto& bug : bugs)
    CHECK(complaint(bug.falsify) == bug.promise);
}

} // namespace

TEST_CASE("an observer notices wrong refusals", "[planted]") {
  check_all({
      {"only requests are answered", add<refuse>([](auto&, refuse& e) {
         return e = {request_id{99'999'999}, {errc::internal, "x"}}, true;
       })},
      {"a request is answered once", repeat<refuse>()},
      {"a request is answered once", repeat<acknowledge>()},
      {"a refusal says why", change<refuse>([](auto&, refuse& e) { return e.reason.text.clear(), true; })},
      {"a request is answered with what became of it", change<refuse>([](watched_pool& pool, refuse& e) {
         if (pool.watch.requests()[e.request.value].acquire)
           return false;
         e.reason.code = errc::internal;
         return true;
       })},
      {"nobody is refused for the time before the deadline",
       refuse_first(errc::acquire_timeout, [](auto&) { return true; })},
      {"a queue is full only at its depth", refuse_first(errc::queue_full, [](auto&) { return true; })},
      {"only a pool whose cluster was removed says that there is none",
       refuse_first(errc::unknown_cluster, [](auto&) { return true; })},
      {"only a pool that is stopping says so", refuse_first(errc::stopping, [](auto&) { return true; })},
      {"only who withdrew, or was cut off, is told so",
       refuse_first(errc::cancelled, [](auto&) { return true; })},
      {"one opening's failure refuses nobody whom an open connection can serve",
       refuse_first(errc::connect_failed, [](auto& pool) { return one(pool, sound).value > 0; })},
      {"one opening's failure refuses nobody whom another opening can serve",
       refuse_first(errc::connect_failed,
                    [](auto& pool) { return !one(pool, sound) && one(pool, opening) && calm(pool); })},
      {"nobody is refused for a failure that is not theirs",
       refuse_first(errc::connect_failed,
                    [](auto& pool) { return !one(pool, present) && !pool.watch.latched(); })},
      {"who waits for the cluster to be ready is not refused for what may pass",
       [](watched_pool& pool) {
         auto* closed = first<close_connection>(pool);
         if (closed == nullptr || closed->reason != removal_reason::not_opened || pool.watch.latched() ||
             !is_transient(pool.watch.connections()[closed->connection.value].failure) ||
             how_many(pool, present) > 1)
           return false;
         for (auto request : pool.watch.waiting())
           if (const auto& book = pool.watch.requests()[request.value];
               book.wait_for_ready && book.deadline > pool.now && !first<open_connection>(pool) &&
               !first<refuse>(pool)) {
             pool.effects.push_back(refuse{request, {errc::connect_failed, "planted"}});
             return true;
           }
         return false;
       }},
  });
}

TEST_CASE("an observer notices wrong answers to requests, and none", "[planted]") {
  check_all({
      {"an acquire is answered with a lease or a refusal",
       [](watched_pool& pool) {
         for (auto& effect : pool.effects)
           if (auto* g = std::get_if<grant>(&effect)) {
             auto request = g->request;
             effect = acknowledge{request};
             return true;
           }
         return false;
       }},
      {"an end is acknowledged when nothing is left",
       add<acknowledge>([](watched_pool& pool, acknowledge& e) {
         e.request = request_id{pool.watch.requests().size() - 1};
         return pool.watch.stopping() && one(pool, present) && pool.watch.requests().back().known &&
                !pool.watch.requests().back().acquire && !pool.watch.requests().back().answered &&
                first<close_connection>(pool) != nullptr;
       })},
      {"an end is acknowledged as soon as nothing is left",
       drop<acknowledge>([](watched_pool& pool, const acknowledge&) {
         return pool.watch.stopping() && !first<refuse>(pool);
       })},
      {"a request is answered at once", drop<acknowledge>([](watched_pool& pool, const acknowledge& e) {
         return e.request.value + 1 == pool.watch.requests().size() && one(pool, sound);
       })},
      {"everybody is answered by the deadline",
       drop<refuse>([](auto&, const refuse& e) { return e.reason.code == errc::acquire_timeout; })},
      {"the queue is not deeper than its depth", drop<refuse>([](watched_pool& pool, const refuse& e) {
         return e.reason.code == errc::queue_full &&
                pool.watch.requests()[e.request.value].deadline >= pool.due;
       })},
      {"nobody waits for a latched pool that cannot serve",
       drop<refuse>([](watched_pool& pool, const refuse& e) {
         pool.due = pool.now;
         return e.reason.code == errc::auth_denied && pool.watch.settings().queue_depth > 3 &&
                !pool.watch.paused() && pool.watch.requests()[e.request.value].deadline > pool.now;
       })},
  });
}

TEST_CASE("an observer notices wrong grants", "[planted]") {
  check_all({
      {"a lease is granted to one who waits",
       [](watched_pool& pool) { return pool.watch.waiting().size() == 1 && repeat<grant>()(pool); }},
      {"a lease goes to the holder who asked",
       change<grant>([](auto&, grant& e) { return e.holder = holder_id{99}, true; })},
      {"nobody is granted a lease after the deadline",
       [](watched_pool& pool) {
         for (auto& effect : pool.effects) {
           auto* r = std::get_if<refuse>(&effect);
           if (r == nullptr || r->reason.code != errc::acquire_timeout ||
               pool.watch.waiting().front() != r->request)
             continue;
           if (first<refuse>(pool) != r || r->request.value + 1 >= pool.watch.requests().size())
             continue;
           auto holder = pool.watch.requests()[r->request.value].holder;
           effect = grant{request_id{r->request}, lease_id{99}, connection_id{1}, holder};
           return true;
         }
         return false;
       }},
      {"a pool that is paused, drained or stopping grants nothing",
       add<grant>([](watched_pool& pool, grant& e) {
         if (!pool.watch.paused() || pool.watch.waiting().empty() || !pool.effects.empty())
           return false;
         auto request = pool.watch.waiting().front();
         e = {request, lease_id{999}, connection_id{1}, pool.watch.requests()[request.value].holder};
         return true;
       })},
      {"a lease is granted on an open connection",
       grant_on([](auto&, const book& c) { return c.opening(); })},
      {"a condemned connection takes no new lease",
       grant_on([](auto&, const book& c) { return c.now == phase::open && c.condemned; })},
      {"a slot is granted once until its end is known", grant_on([](const watched_pool& pool, const book& c) {
         return sound(c) && c.in_use() >= pool.watch.settings().channels_per_connection;
       })},
      {"a connection that failed its probe is not leased twice",
       grant_on([](const watched_pool& pool, const book& c) {
         return sound(c) && c.probe_failures > 0 && c.in_use() > 0 && !c.late &&
                pool.now >= std::max(c.carries_until, c.carries_now_until) &&
                c.in_use() < pool.watch.settings().channels_per_connection;
       })},
      {"a doubtful connection is granted last",
       grant_instead([](const book& c, const book& chosen) { return c.probe_failures > 0 && well(chosen); })},
      {"a connection that is not under probe is preferred",
       grant_instead([](const book& c, const book&) { return well(c) && c.probe; })},
      {"a lease's id is never used again",
       change<grant>([](auto&, grant& e) { return e.lease.value > 1 && (e.lease = lease_id{1}, true); })},
  });
}

TEST_CASE("an observer notices wrong ends of leases", "[planted]") {
  check_all({
      {"a lease ends once, and for a reason", repeat<end_lease>()},
      {"a lease ends on its own connection",
       change<end_lease>([](auto&, end_lease& e) { return e.connection = connection_id{999}, true; })},
      {"a connection is asked whether a command was cut off unless the holder let go",
       change<end_lease>([](auto&, end_lease& e) { return e.ask = !e.ask, true; })},
      {"a holder is told once of what it did not do itself", repeat<notify_holder>()},
      {"the one who held the lease is told",
       change<notify_holder>([](auto&, notify_holder& e) { return e.holder = holder_id{99}, true; })},
      {"a lease that is over is fenced at once", drop<end_lease>()},
      {"a holder is told at once that its lease is over", drop<notify_holder>()},
      {"nobody waits while a slot is free", drop<grant>([](watched_pool& pool, const grant&) {
         pool.due = pool.now;
         return pool.watch.settings().queue_depth > 3;
       })},
  });
}

TEST_CASE("an observer notices wrong openings", "[planted]") {
  check_all({
      {"a paused pool opens nothing", open_new([](auto& pool) { return pool.watch.paused(); })},
      {"a pool that is disconnected opens nothing by itself", open_new([](auto& pool) {
         return pool.watch.stopping() && !pool.watch.paused() && !pool.watch.drains();
       })},
      {"a latched pool knocks no more", open_new([](auto& pool) {
         return pool.watch.latched() && pool.watch.state() == pool_state::running && !pool.watch.stopping() &&
                !first<close_connection>(const_cast<watched_pool&>(pool));
       })},
      {"a connection's id is never used again", change<open_connection>([](auto&, open_connection& e) {
         return e.attempt == 1 && e.connection.value > 1 && (e.connection = connection_id{1}, true);
       })},
      {"no more openings at once than allowed", open_new([](auto& pool) {
         return calm(pool) && pool.effects.empty() && pool.watch.settings().connects_at_once > 0 &&
                how_many(pool, opening) >= pool.watch.settings().connects_at_once;
       })},
      {"no more connections than the pool's size, the closing ones counted", open_new([](auto& pool) {
         return calm(pool) && pool.effects.empty() && !room(pool) &&
                how_many(pool, opening) < pool.watch.settings().connects_at_once;
       })},
      {"a pool backs off after an opening was given up", open_new([](auto& pool) {
         return calm(pool) && room(pool) && pool.effects.empty() &&
                pool.status.backing_off.code != errc::none && pool.due < time_point::max() &&
                pool.now + 500ms < pool.due && pool.now < pool.watch.not_before() &&
                one(pool, opening).value == 0 && pool.watch.permits().empty() &&
                !pool.watch.waiting().empty();
       })},
      {"a pool backs off after an opening was given up", open_new([](auto& pool) {
         return calm(pool) && room(pool) &&
                first<notify_holder>(const_cast<watched_pool&>(pool)) == nullptr &&
                pool.status.backing_off.text.find("was of no use") != std::string::npos &&
                pool.now + 500ms < pool.due && pool.now < pool.watch.not_before() && !one(pool, opening) &&
                pool.watch.permits().empty();
       })},
      {"after a failure one trial at a time is made", open_new([](auto& pool) {
         return calm(pool) && room(pool) && pool.effects.empty() && pool.watch.on_trial() &&
                how_many(pool, opening) == 1 && pool.now >= pool.watch.not_before_alone();
       })},
  });
}

TEST_CASE("an observer notices wrong tries", "[planted]") {
  check_all({
      {"only a failed try is repeated", add<open_connection>([](watched_pool& pool, open_connection& e) {
         e = {one(pool, sound), 2};
         return calm(pool) && e.connection;
       })},
      {"an opening has three tries", change<open_connection>([](auto&, open_connection& e) {
         return e.attempt > 1 && (++e.attempt, true);
       })},
      {"only a passing failure is tried again",
       [](watched_pool& pool) {
         for (auto& effect : pool.effects) {
           auto* c = std::get_if<close_connection>(&effect);
           if (c == nullptr || c->reason != removal_reason::not_opened)
             continue;
           const auto& b = pool.watch.connections()[c->connection.value];
           if (is_transient(b.failure) || is_latching(b.failure) || b.attempt > 2 || pool.watch.latched() ||
               pool.watch.paused())
             continue;
           effect = open_connection{connection_id{c->connection}, b.attempt + 1};
           return true;
         }
         return false;
       }},
      {"tries keep their distance", add<open_connection>([](watched_pool& pool, open_connection& e) {
         auto waiting = one(pool, [&](const book& c) {
           return c.now == phase::between_tries && is_transient(c.failure) && c.attempt < 3 &&
                  c.failed == pool.now;
         });
         if (!waiting || !calm(pool))
           return false;
         e = {waiting, pool.watch.connections()[waiting.value].attempt + 1};
         return true;
       })},
      {"what the waiters need is being opened, or has its time",
       [](watched_pool& pool) {
         if (pool.watch.waiting().empty() || !calm(pool) || pool.effects.empty() ||
             !first<open_connection>(pool))
           return false;
         if (one(pool, present) ||
             pool.watch.requests()[pool.watch.waiting().front().value].deadline < pool.now + 5min)
           return false;
         const auto& permits = pool.watch.permits();
         if (pool.watch.waiting().size() > 1 || first<request_permit>(pool) ||
             std::any_of(permits.begin(), permits.end(), [](const auto& p) { return !p.second.given; }))
           return false;
         std::erase_if(pool.effects,
                       [](const auto& e) { return std::holds_alternative<open_connection>(e); });
         pool.due = pool.now + 1min;
         return true;
       }},
  });
}

TEST_CASE("an observer notices wrong closings", "[planted]") {
  check_all({
      {"a connection is closed once", repeat<close_connection>()},
      {"a connection with a lease is not closed",
       add<close_connection>([](watched_pool& pool, close_connection& e) {
         e = {one(pool, [](const book& c) { return !c.live.empty(); }), removal_reason::evicted};
         return !!e.connection;
       })},
      {"a connection is not closed before it has said that the lease is over",
       add<close_connection>([](watched_pool& pool, close_connection& e) {
         e = {one(pool, [](const book& c) { return c.live.empty() && !c.asked.empty(); }),
              removal_reason::evicted};
         return !!e.connection;
       })},
      {"a connection is closed for the reason that is given",
       change<close_connection>([](watched_pool& pool, close_connection& e) {
         auto other = e.reason == removal_reason::lost ? removal_reason::idle : removal_reason::lost;
         return e.reason = other, !pool.watch.stopping();
       })},
      {"one that fails every second check is closed",
       drop<close_connection>([](watched_pool& pool, const close_connection& e) {
         return e.reason == removal_reason::flapping && pool.watch.waiting().empty();
       })},
      {"a condemned connection is closed when it is free",
       drop<close_connection>([](watched_pool& pool, const close_connection& e) {
         auto& c = pool.watch.connections()[e.connection.value];
         return c.now == phase::open && c.evicted;
       })},
      {"a condemned opening is closed",
       drop<close_connection>([](watched_pool& pool, const close_connection& e) {
         return e.reason == removal_reason::evicted &&
                pool.watch.connections()[e.connection.value].opening() && !first<open_connection>(pool);
       })},
      {"a connection is closed when its probes have failed too often",
       drop<close_connection>([](watched_pool& pool, const close_connection& e) {
         return e.reason == removal_reason::probe_failures &&
                !pool.watch.connections()[e.connection.value].condemned;
       })},
      {"an opening that is not tried again is given up",
       drop<close_connection>([](watched_pool& pool, const close_connection& e) {
         auto& c = pool.watch.connections()[e.connection.value];
         return e.reason == removal_reason::not_opened && !is_transient(c.failure) && !first<refuse>(pool) &&
                pool.watch.waiting().empty();
       })},
      {"a pool that was made smaller keeps only what is leased",
       drop<close_connection>([](watched_pool& pool, const close_connection& e) {
         return e.reason == removal_reason::shrunk && pool.watch.waiting().empty();
       })},
  });
}
