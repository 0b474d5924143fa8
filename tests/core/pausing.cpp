// Promises: a pause is its sender's. It ends with them, by their resume or by one of all; what is kept is
// nobody's in particular, and any resume ends it. Events and answers say whose it is.
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

ordered<pause_pool> pause_by(holder_id holder, std::string by, bool keep = false, request_id request = {}) {
  return {request, {{}, keep, std::move(by)}, holder};
}

ordered<resume_pool> resume_by(holder_id holder, bool all = false, request_id request = {}) {
  return {request, {{}, all, "resumer"}, holder};
}

std::string pausers(const story& s) {
  std::string text;
  for (const auto& each : s.status().pauses)
    text += (text.empty() ? "" : ", ") + each.by + (each.keep ? " (kept)" : "");
  return text;
}

/// What the answer to the order says.
std::string answer_to(story& s, const pool_event& order) {
  pool_effects effects;
  s.core.step(s.now, order, effects);
  for (const auto& effect : effects)
    if (const auto* done = std::get_if<acknowledge>(&effect))
      return done->text;
  return "no answer";
}

} // namespace

TEST_CASE("a pause is its sender's: a resume ends one's own, and says whose hold still") {
  story s{lumi()};
  CHECK(answer_to(s, pause_by(h1, "ann", false, r1)) == "paused");
  s.wait(2s);
  CHECK(answer_to(s, pause_by(h2, "bob", false, r2)) == "paused; by ann as well");
  CHECK(pausers(s) == "ann, bob");
  CHECK(s.status().pauses[0].age == 2s);
  CHECK(s.status().pauses[0].holder == h1);
  CHECK(answer_to(s, resume_by(h2, false, r3)) == "1 pause ended; still paused by ann");
  CHECK(answer_to(s, resume_by(h2, false, r4)) == "nothing of yours to resume; still paused by ann");
  CHECK(s.acquire(r5, h3) == "");
  CHECK(s.status().state == pool_state::paused);
  CHECK(s.step(resume_by(h1)) == "open c1");
  CHECK(s.status().state == pool_state::running);
}

TEST_CASE("a resume of all ends every pause") {
  story s{lumi()};
  s.step(pause_by(h1, "ann"));
  s.step(pause_by(h2, "bob"));
  s.acquire(r1, h3);
  CHECK(s.step(resume_by(h3, true, r2)) == "acknowledge r2, open c1");
  CHECK(pausers(s).empty());
}

TEST_CASE("a sender that dies takes its own pause with it, unless it was to be kept") {
  story s{lumi()};
  s.step(pause_by(h1, "ann"));
  s.step(pause_by(h2, "cron", true));
  s.acquire(r1, h3);
  CHECK(s.step(holder_lost{h1}) == "");
  CHECK(s.announced.back() == "announce resumed ann has gone, whose pause this was; still paused by cron");
  CHECK(s.step(holder_lost{h2}) == "");
  CHECK(pausers(s) == "cron (kept)");
  CHECK(s.step(resume_by(h3)) == "open c1");
}

TEST_CASE("of two pauses of one sender the latest says whether it is kept") {
  story s{lumi()};
  s.step(pause_by(h1, "ann", true));
  CHECK(answer_to(s, pause_by(h1, "ann", false, r1)) == "paused already, for 0 s");
  s.step(holder_lost{h1});
  CHECK(pausers(s).empty());
}

TEST_CASE("who is not known cannot be seen to end, so that their pause is kept") {
  story s{lumi()};
  s.step(pause_by({}, "somebody's script"));
  CHECK(pausers(s) == "somebody's script (kept)");
  s.step(resume_by(h1));
  CHECK(pausers(s).empty());
}

TEST_CASE("a pool has no more pauses than it can name, and says who has them") {
  story s{lumi()};
  for (std::uint64_t i = 1; i <= pool_core::pauses_max; ++i)
    REQUIRE(answer_to(s, pause_by(holder_id{i}, "p" + std::to_string(i), false, request_id{i})) !=
            "no answer");
  CHECK(s.step(pause_by(holder_id{99}, "late", false, request_id{99})) == "refuse r99 too_many_requests");
  CHECK(s.refusal == "'lumi' has 64 pauses, by p1, p2, p3, p4, p5 and 59 more: a resume of all ends them");
  CHECK(answer_to(s, pause_by(h1, "p1", false, request_id{100})).starts_with("paused already"));
}

TEST_CASE("pauses hold beside a suspension and outlast a drain") {
  story s{lumi()};
  s.step(pause_by(h1, "ann"));
  s.acquire(r1, h3, 1h);
  CHECK(answer_to(s, ordered<suspend_pool>{r2}) == "suspended; paused by ann as well");
  CHECK(s.status().state == pool_state::suspended);
  CHECK(s.acquire(r3, h3) == "refuse r3 suspended");
  s.step(ordered<drain_pool>{r4, {{}, 1s}});
  CHECK(s.status().state == pool_state::drained);
  CHECK(answer_to(s, resume_by(h2, false, r5)) == "was drained; still paused by ann");
  CHECK(s.status().state == pool_state::paused);
  CHECK(s.acquire(r6, h3) == "");
  CHECK(s.step(holder_lost{h1}) == "open c1");
}

TEST_CASE("a waiter is told who pauses the pool") {
  story s{lumi()};
  s.step(pause_by(h1, "ann"));
  s.acquire(r1, h2, 1s);
  s.wait(1s);
  CHECK(s.refusal == "no lease for 'lumi' after 1 s: the pool is paused by ann; wait until it is resumed");
}

TEST_CASE("whatever comes of an order at once tells who gave it, and nothing else does") {
  story s{lumi()};
  s.acquire(r1, h1, 1min, "sync");
  s.step(connection_opened{c1});
  s.announced.clear();
  s.step(ordered<revoke_lease>{{}, {{}, l1, "ann (pid 7)"}});
  s.step(lease_cleared{c1, l1, false});
  s.step(ordered<evict_connection>{{}, {{}, c1, "ann (pid 7)"}});
  auto changed = lumi();
  s.step(settings_changed{{}, changed, true, "reload"});
  s.step(stop_requested{{}, true, "bob"});
  s.step(connection_closed{c1});
  CHECK(s.announced == std::vector<std::string>{
                           "announce reclaimed c1 l1 it was revoked by an administrator by ann (pid 7)",
                           "announce closing c1 evicted by ann (pid 7)",
                           "announce changed settings by reload",
                           "announce closed c1",
                           "announce stopped",
                       });
}

TEST_CASE("the answer to an order says what has changed") {
  auto s = story{lumi(2)};
  s.acquire(r1, h1, 1min, "sync");
  s.step(connection_opened{c1});
  s.step(lease_confirmed{l1});
  CHECK(answer_to(s, ordered<probe_pool>{r2}) == "0 idle connections are checked");
  CHECK(answer_to(s, ordered<evict_connection>{r3, {{}, c1}}) == "c1 closes when its 1 lease has ended");
  CHECK(answer_to(s, ordered<resize_pool>{r4, {{}, 3}}) == "pool_size is 3, was 2");
  CHECK(answer_to(s, ordered<reconnect_pool>{r5, {{}, 10s}}) == "1 connection within 10 s to be replaced");
  CHECK(answer_to(s, ordered<revoke_lease>{r6, {{}, l1}}) == "l1 on c1, which 'sync' held, has ended");
  s.step(lease_cleared{c1, l1, false});
  CHECK(answer_to(s, ordered<evict_connection>{r7, {{}, c1}}) == "c1 was closing already");
  s.step(ordered<drain_pool>{r8, {{}, 0s}});
  CHECK(answer_to(s, connection_closed{c1}) == "no connection is left");
}
