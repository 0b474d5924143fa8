// Promises of the permits' book: who may log in, and when, over all pools of a process.
#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "actors/manager/policies/permit_book.hpp"

using namespace moorage;
using namespace std::chrono_literals;

namespace {

using pool_number = permit_book::pool_number;

/// A keeper of the book, whose life reads as a transcript: "1:q1" is given, "1:q1 later (6 s)" is delayed.
struct keeper {
  permit_book book;
  time_point now{1h};
  std::string why;

  explicit keeper(std::uint32_t at_once = 0) : book(at_once, 1) {}

  std::string said() {
    std::string text;
    for (const auto& answer : book.settle(now)) {
      text += (text.empty() ? "" : ", ") + std::to_string(answer.pool) + ":" + to_string(answer.permit);
      if (answer.until == time_point::min()) {
        given.emplace(answer.pool, answer.permit);
        continue;
      }
      why = answer.why;
      text += answer.until == time_point::max()
                  ? " later"
                  : " later (" + std::to_string(between(now, answer.until) / 1s) + " s)";
    }
    return text;
  }
  std::string ask(pool_number pool, std::uint64_t permit, const permit_request& terms) {
    auto request = terms;
    request.permit = permit_id{permit};
    book.ask(now, pool, request);
    return said();
  }
  std::string back(pool_number pool, std::uint64_t permit, permit_use use,
                   std::chrono::nanoseconds lasted = 1s) {
    given.erase({pool, permit_id{permit}});
    book.take_back(now, pool, {permit_id{permit}, use, lasted});
    return said();
  }
  std::string ended(pool_number pool) {
    book.pool_ended(now, pool);
    return said();
  }
  std::string next() {
    now = std::max(now, book.next_due());
    return said();
  }

  std::set<std::pair<pool_number, permit_id>> given;
};

permit_request at(const char* host, std::uint32_t size = 2, std::uint32_t a_minute = 10,
                  std::chrono::milliseconds penalty_max = 10s) {
  return {{}, false, false, false, host, 22, size, a_minute, penalty_max, 30s};
}

/// Without limits but the process's.
permit_request free_at(const char* host) {
  return at(host, 1, 0, 0ms);
}

} // namespace

TEST_CASE("clusters of the same host and port share one budget, as large at once as the largest pool") {
  keeper k;
  CHECK(k.ask(1, 1, at("lumi", 1)) == "1:q1");
  k.back(1, 1, permit_use::let_in);
  CHECK(k.ask(2, 1, at("lumi", 3)) == "2:q1");
  k.back(2, 1, permit_use::let_in);
  CHECK(k.ask(1, 2, at("lumi", 1)) == "1:q2");
  k.back(1, 2, permit_use::let_in);
  CHECK(k.ask(1, 3, at("lumi", 1)) == "1:q3 later (6 s)");
  CHECK(k.why == "the log-ins at lumi:22 are as many as log_ins_per_minute allows");
  CHECK(k.ask(2, 2, at("lumi", 3)) == "2:q2 later (6 s)");
  CHECK(k.ask(3, 1, at("mahti")) == "3:q1"); // elsewhere
  CHECK(k.next() == "1:q3, 2:q2 later (6 s)");
  k.back(1, 3, permit_use::let_in);
  CHECK(k.next() == "2:q2");
}

TEST_CASE("the strictest cluster of a host decides, and one without a limit does not wait but counts") {
  keeper k;
  k.ask(1, 1, at("lumi", 1, 60, 0ms));
  CHECK(k.ask(2, 1, at("lumi", 1, 6, 0ms)) == "2:q1 later (10 s)");
  CHECK(k.ask(3, 1, at("lumi", 1, 0, 0ms)) == "3:q1");
  CHECK(k.next() == "2:q1");
}

TEST_CASE("a log-in that reached nobody, and leave that was not used, cost the budget nothing") {
  keeper k;
  k.ask(1, 1, at("lumi", 1));
  k.back(1, 1, permit_use::unreached);
  CHECK(k.ask(1, 2, at("lumi", 1)) == "1:q2");
  k.back(1, 2, permit_use::unused);
  CHECK(k.ask(1, 3, at("lumi", 1)) == "1:q3");
  k.back(1, 3, permit_use::cut_short);
  CHECK(k.ask(1, 4, at("lumi", 1)) == "1:q4 later (6 s)");
}

TEST_CASE("as many log-ins are under way at one host as may all be denied, over all clusters there") {
  keeper k;
  CHECK(k.ask(1, 1, at("lumi", 9)) == "1:q1");
  CHECK(k.ask(2, 1, at("lumi", 9)) == "2:q1");
  CHECK(k.ask(3, 1, at("lumi", 9)) == "3:q1 later");
  CHECK(k.back(1, 1, permit_use::let_in) == "3:q1");
  CHECK(k.ask(1, 2, at("lumi", 9)) == "1:q2 later");
  CHECK(k.back(2, 1, permit_use::denied) == "1:q2 later (5 s)");
  CHECK(k.back(3, 1, permit_use::denied) == "");
  CHECK(k.next() == "1:q2");
}

TEST_CASE("a server that turns a log-in away is left alone, and says so") {
  keeper k;
  k.ask(1, 1, at("lumi", 9));
  k.back(1, 1, permit_use::turned_away);
  auto said = k.ask(1, 2, at("lumi", 9));
  CHECK(said.find("1:q2 later (") == 0);
  CHECK(k.why == "lumi:22 has turned a log-in away, as it does when there are too many or when it bans us");
  CHECK(k.next() == "1:q2");
  CHECK(between(time_point{1h}, k.now) >= 2400ms);
}

TEST_CASE("an administrator's fresh start holds for what a server has shown, too") {
  keeper k;
  k.ask(1, 1, at("lumi", 9));
  k.back(1, 1, permit_use::turned_away);
  auto anew = at("lumi", 9);
  anew.anew = true;
  CHECK(k.ask(1, 2, anew) == "1:q2");
}

TEST_CASE(
    "a cluster that hangs cannot take the whole allowance of the process, and the others find some at once") {
  keeper k{8};
  for (std::uint64_t permit = 1; permit <= 8; ++permit)
    k.ask(1, permit, free_at("hangs"));
  CHECK(k.given.size() == 4);
  CHECK(k.ask(2, 1, free_at("lumi")) == "2:q1");
  CHECK(k.ask(3, 1, free_at("mahti")) == "3:q1");
  CHECK(k.ask(2, 2, free_at("lumi")) == "2:q2 later");        // one that was let in comes first
  CHECK(k.ask(4, 1, free_at("puhti")) == "4:q1, 2:q2 later"); // now it is for another reason
  CHECK(k.ask(5, 1, free_at("roihu")) == "5:q1");
  CHECK(k.ask(6, 1, free_at("karolina")) == "6:q1 later");
  CHECK(k.back(2, 1, permit_use::let_in) == "2:q2");
  CHECK(k.back(3, 1, permit_use::let_in) == "6:q1");
}

TEST_CASE("of twenty clusters ten hang for ever, and the other ten are as soon open as alone") {
  // Each wants five connections, two at once, and a log-in takes a second: three seconds alone.
  keeper k{32};
  std::map<std::pair<pool_number, permit_id>, time_point> due;
  std::map<pool_number, std::uint64_t> asked, open;
  auto play = [&] {
    for (pool_number pool = 1; pool <= 20; ++pool)
      while (asked[pool] < std::min<std::uint64_t>(5, open[pool] + 2))
        k.ask(pool, ++asked[pool], free_at(("h" + std::to_string(pool)).c_str()));
    for (const auto& each : k.given)
      due.try_emplace(each, each.first <= 10 ? time_point::max() : k.now + 1s);
  };
  auto began = k.now;
  for (play(); k.now < began + 1min; k.now += 10ms, play()) {
    for (auto each = due.begin(); each != due.end();) {
      if (each->second > k.now) {
        ++each;
        continue;
      }
      auto [pool, permit] = each->first;
      each = due.erase(each);
      ++open[pool];
      k.back(pool, permit.value, permit_use::let_in);
    }
    auto all = true;
    for (pool_number pool = 11; pool <= 20; ++pool)
      all = all && open[pool] == 5;
    if (all)
      break;
  }
  CHECK(k.now - began <= 3600ms);
}

TEST_CASE("those whose log-ins hang have half of the process's allowance together, and others find some") {
  keeper k{32};
  for (pool_number pool = 1; pool <= 40; ++pool) {
    auto name = "h" + std::to_string(pool);
    k.ask(pool, 1, free_at(name.c_str()));
    k.back(pool, 1, permit_use::unreached, pool == 40 ? 1s : 30s); // the last is turned away at once
  }
  for (pool_number pool = 1; pool <= 40; ++pool) {
    auto name = "h" + std::to_string(pool);
    k.ask(pool, 2, free_at(name.c_str())); // and hangs
  }
  CHECK(k.book.given() == 17); // that one's with them
  CHECK(k.ask(41, 1, free_at("lumi")) == "41:q1");
  CHECK(k.back(1, 2, permit_use::let_in) == "17:q2");
}

TEST_CASE("what was let in a while ago earns a pool no second log-in at once while others hang") {
  keeper k{8};
  k.ask(1, 1, free_at("a"));
  k.back(1, 1, permit_use::let_in);
  CHECK(k.ask(2, 1, free_at("b")) == "2:q1");
  k.now += 31s;
  CHECK(k.ask(1, 2, free_at("a")) == "1:q2");
  CHECK(k.ask(1, 3, free_at("a")) == "1:q3 later");
  CHECK(k.back(1, 2, permit_use::let_in) == "1:q3");
}

TEST_CASE("the name of a host is the same in capital letters") {
  keeper k;
  k.ask(1, 1, at("LUMI.csc.fi", 1));
  k.back(1, 1, permit_use::let_in);
  CHECK(k.ask(2, 1, at("lumi.csc.fi", 1)) == "2:q1 later (6 s)");
}

TEST_CASE("pools take turns, however many log-ins one of them wants") {
  keeper k{2};
  k.ask(1, 1, free_at("a"));
  k.ask(2, 1, free_at("b"));
  for (std::uint64_t permit = 2; permit <= 5; ++permit)
    k.ask(1, permit, free_at("a"));
  CHECK(k.ask(3, 1, free_at("c")) == "3:q1 later");
  k.back(1, 1, permit_use::let_in);
  CHECK(k.given.contains({1, permit_id{2}}));
  CHECK(k.back(2, 1, permit_use::let_in) == "3:q1");
}

TEST_CASE("permits end with their pool, and its log-ins count as cut short") {
  keeper k{2};
  k.ask(1, 1, at("lumi", 9));
  k.ask(2, 1, at("lumi", 9));
  k.ask(3, 1, at("lumi", 9));
  CHECK(k.book.given() == 2);
  CHECK(k.ended(1) == "3:q1 later (1 s)"); // a second has to run off
  CHECK(k.next() == "3:q1");
  CHECK(k.ended(3) == "");
  CHECK(k.back(3, 1, permit_use::let_in) == "");
  CHECK(k.book.given() == 1);
}

TEST_CASE("who asks twice has one place, and is answered again") {
  keeper k;
  CHECK(k.ask(1, 1, at("lumi", 1)) == "1:q1");
  CHECK(k.ask(1, 1, at("lumi", 1)) == "1:q1");
  CHECK(k.book.given() == 1);
  CHECK(k.ask(1, 2, at("lumi", 1)) == "1:q2 later (6 s)");
  CHECK(k.said() == "");
  CHECK(k.ask(1, 2, at("lumi", 1)) == "1:q2 later (6 s)");
  CHECK(k.next() == "1:q2");
}

TEST_CASE("a book that replaces another counts what is in use, and begins without a budget") {
  keeper k;
  k.book = permit_book{0, 1, k.now + 1min};
  auto held = at("lumi", 5);
  held.held = true;
  CHECK(k.ask(1, 1, held) == "");
  CHECK(k.book.given() == 1);
  CHECK(k.ask(1, 2, at("lumi", 5)) == "1:q2 later (6 s)");
}

TEST_CASE("a book that replaces another begins without a budget, whoever asks first") {
  keeper k;
  k.book = permit_book{0, 1, k.now + 1min};
  CHECK(k.ask(1, 1, at("lumi", 2)) == "1:q1 later (6 s)");
  CHECK(k.ask(2, 1, at("lumi", 20)) == "2:q1 later (6 s)");
}

TEST_CASE("a host that nobody uses any more is forgotten once everything has run off") {
  keeper k;
  for (pool_number pool = 1; pool <= 100; ++pool) {
    k.ask(pool, 1, at(("h" + std::to_string(pool)).c_str()));
    k.back(pool, 1, permit_use::denied);
    k.ended(pool);
    k.now += 1s;
  }
  CHECK(k.book.sites() < 10);
}

TEST_CASE(
    "a server that counts failures, as OpenSSH 9.8 does, never bans us, whatever becomes of our log-ins") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    keeper k;
    seeded_random random{seed};
    std::map<std::pair<pool_number, permit_id>, time_point> ends;
    std::map<pool_number, std::uint64_t> asked;
    auto clear_at = k.now; // when what the server has against us has run off
    std::chrono::nanoseconds most{0};
    std::size_t failures = 0;
    auto failed = [&](std::chrono::seconds cost) {
      ++failures;
      clear_at = std::max(clear_at, k.now) + cost;
      most = std::max(most, clear_at - k.now);
    };
    for (auto until = k.now + 5min; k.now < until; k.now += 100ms) {
      for (pool_number pool = 1; pool <= 6; ++pool)
        for (int more = 0; more < 9 && (asked[pool] < 2 || k.given.contains({pool, permit_id{asked[pool]}}));
             ++more)
          k.ask(pool, ++asked[pool], at("lumi", 20, 60));
      k.said();
      for (const auto& each : k.given)
        ends.try_emplace(each, k.now + random.around(2s, 0.9));
      for (auto each = ends.begin(); each != ends.end();) {
        if (each->second > k.now) {
          ++each;
          continue;
        }
        auto [pool, permit] = each->first;
        each = ends.erase(each);
        auto fate = random.unit();
        if (fate < 0.6)
          failed(fate < 0.3 ? 5s : 1s);
        k.back(pool, permit.value,
               fate < 0.3   ? permit_use::denied
               : fate < 0.6 ? permit_use::cut_short
                            : permit_use::let_in);
      }
    }
    CHECK(failures > 20);
    CHECK(most > 5s); // or nothing was at stake
    CHECK(most <= 10s);
  }
}

TEST_CASE("five hundred who wait after an outage cause no more log-ins than the budget allows, of one host's "
          "clusters together") {
  // A site that bans: who logs in more than 20 times in any minute is out. Ten clusters there, of up to five
  // connections, each with 50 who wait, and every connection is lost again after three seconds.
  keeper k;
  std::map<std::pair<pool_number, permit_id>, time_point> ends;
  std::map<pool_number, std::uint64_t> asked;
  std::vector<time_point> log_ins;
  for (auto until = k.now + 10min; k.now < until; k.now += 100ms) {
    for (pool_number pool = 1; pool <= 10; ++pool)
      for (int more = 0; more < 9 && (asked[pool] < 2 || k.given.contains({pool, permit_id{asked[pool]}}));
           ++more)
        k.ask(pool, ++asked[pool], at("lumi", 5));
    k.said();
    for (const auto& each : k.given)
      if (ends.try_emplace(each, k.now + 3s).second)
        log_ins.push_back(k.now);
    for (auto each = ends.begin(); each != ends.end();)
      if (each->second <= k.now) {
        auto [pool, permit] = each->first;
        each = ends.erase(each);
        k.back(pool, permit.value, permit_use::let_in);
      } else {
        ++each;
      }
  }
  CHECK(log_ins.size() >= 90);
  for (std::size_t i = 0; i + 15 < log_ins.size(); ++i)
    CHECK(log_ins[i + 15] - log_ins[i] >= 60s);
}

TEST_CASE("a jump has its first permit whatever others hold, since they may wait for nothing else") {
  keeper k{2};
  CHECK(k.ask(1, 1, free_at("a")) == "1:q1");
  CHECK(k.ask(2, 1, free_at("b")) == "2:q1");
  CHECK(k.ask(3, 1, free_at("gateway")) == "3:q1 later");
  auto jump = free_at("gateway");
  jump.carries = true;
  CHECK(k.ask(3, 1, jump) == "3:q1");
  CHECK(k.ask(3, 2, jump) == "3:q2 later"); // the first alone
}
