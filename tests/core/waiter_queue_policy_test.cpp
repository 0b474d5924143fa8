// Promises of the queue by itself: whose turn it is, and who is found by what.
#include <catch2/catch.hpp>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "actors/pool/policies/waiter_queue.hpp"
#include "actors/pool/seeded_random.hpp"
#include "messages/ensure.hpp"

using namespace moorage;
using namespace std::chrono_literals;

namespace {

const time_point now{1h};
constexpr holder_id ann{1}, bob{2}, eve{3};

/// A queue in which each waiter is known by its request's number.
struct line {
  waiter_queue queue;

  void join(std::uint64_t request, holder_id holder, time_point deadline = time_point::max()) {
    queue.join({request_id{request}, holder, {}, now, deadline, false});
  }
  void join(std::uint64_t request, holder_id holder, const std::string& identity) {
    queue.join({request_id{request}, holder, {}, now, time_point::max(), false, identity});
    queue.verify();
  }
  std::uint64_t name(waiter_queue::ticket place) const { return place ? queue.at(place).request.value : 0; }
  void leave(std::uint64_t request) {
    CHECK(queue.leave(queue.of(request_id{request})).request.value == request);
    queue.verify();
  }
  std::uint64_t any_of(holder_id holder) const { return name(queue.of(holder)); }
  std::uint64_t most_urgent() const { return name(queue.most_urgent()); }
  std::uint64_t serve() {
    auto next = name(queue.turn());
    CHECK(queue.serve().request.value == next);
    queue.verify();
    return next;
  }
  std::string served() {
    std::string text;
    while (!queue.empty())
      text += (text.empty() ? "" : " ") + std::to_string(serve());
    return text;
  }
  /// As they would be served, each where it is told to be.
  std::string order() const {
    std::string text;
    auto places = queue.in_order();
    for (std::size_t i = 0; i < places.size(); ++i) {
      CHECK(queue.ahead_of(places[i], places.size()) == i);
      text += (text.empty() ? "" : " ") + std::to_string(name(places[i]));
    }
    return text;
  }
};

} // namespace

TEST_CASE("a holder's waiters are served in the order in which they came, whoever left meanwhile") {
  line l;
  for (std::uint64_t request : {5, 3, 9, 1})
    l.join(request, ann);
  l.leave(3);
  l.join(3, ann);
  CHECK(l.queue.size() == 4);
  CHECK(l.served() == "5 9 1 3");
  CHECK(l.queue.turn() == 0);
}

TEST_CASE("a request waits once, and is found until it leaves") {
  line l;
  l.join(1, ann);
  CHECK_THROWS_WITH(l.join(1, bob), "a request is made once");
  line other;
  other.join(1, ann);
  CHECK(other.queue.of(request_id{1}) != 0);
  other.leave(1);
  CHECK(other.queue.of(request_id{1}) == 0);
  CHECK_THROWS_WITH(other.queue.leave(1), "a ticket names one who waits");
}

TEST_CASE("a holder's waiters are found one after another, and nobody else's") {
  line l;
  l.join(1, ann);
  l.join(2, eve);
  l.join(3, ann);
  CHECK(l.any_of(ann) == 1);
  CHECK(l.any_of(bob) == 0);
  CHECK(l.any_of(eve) == 2);
  l.leave(1);
  CHECK(l.any_of(ann) == 3);
  l.leave(3);
  CHECK(l.any_of(ann) == 0);
}

TEST_CASE("the earliest deadline is known, and who has none is not in its way") {
  line l;
  CHECK(l.queue.due() == time_point::max());
  CHECK(l.most_urgent() == 0);
  l.join(1, ann);
  CHECK(l.queue.due() == time_point::max());
  l.join(2, ann, now + 9s);
  l.join(3, ann, now + 5s);
  l.join(4, ann, now + 5s);
  CHECK(l.queue.due() == now + 5s);
  CHECK(l.most_urgent() == 3);
  l.leave(3);
  CHECK(l.most_urgent() == 4);
  l.leave(4);
  CHECK(l.queue.due() == now + 9s);
}

TEST_CASE("those ahead are counted to a limit, and those who came later are found from a place on") {
  line l;
  for (std::uint64_t request = 1; request <= 5; ++request)
    l.join(request, ann);
  auto last = l.queue.newest();
  CHECK(l.name(last) == 5);
  CHECK(l.queue.ahead_of(last, 9) == 4);
  CHECK(l.queue.ahead_of(last, 3) == 3);
  CHECK(l.queue.ahead_of(l.queue.turn(), 9) == 0);
  auto second = l.queue.of(request_id{2});
  l.leave(2);
  CHECK(l.name(l.queue.next(second)) == 3);
  CHECK(l.name(l.queue.next(last)) == 5);
  CHECK(l.queue.next(last + 1) == 0);
  l.leave(5);
  CHECK(l.queue.newest() == last);
}

TEST_CASE("holders of one identity take turns, however many acquires one of them makes") {
  line l;
  for (std::uint64_t request = 1; request <= 5; ++request)
    l.join(request, ann);
  l.join(11, bob);
  l.join(12, bob);
  l.join(21, eve);
  CHECK(l.order() == "1 11 21 2 12 3 4 5");
  CHECK(l.served() == "1 11 21 2 12 3 4 5");
}

TEST_CASE("identities take turns first, however many holders one of them makes up") {
  line l;
  for (std::uint64_t holder = 100; holder < 105; ++holder) {
    l.join(holder, holder_id{holder}, "greedy");
    l.join(holder + 10, holder_id{holder}, "greedy");
  }
  l.join(1, ann, "jane");
  l.join(2, ann, "jane");
  l.join(3, bob, "jane");
  CHECK(l.order() == "100 1 101 3 102 2 103 104 110 111 112 113 114");
  CHECK(l.served() == "100 1 101 3 102 2 103 104 110 111 112 113 114");
}

TEST_CASE("who comes to turns takes the last, and so does who comes back: being away earns nothing") {
  line l;
  l.join(1, ann);
  l.join(2, bob);
  l.join(3, bob);
  CHECK(l.serve() == 1);
  l.join(4, ann); // back at once, behind bob
  l.join(5, eve);
  CHECK(l.order() == "2 4 5 3");
  l.leave(4); // and away, and back again, behind eve
  l.join(6, ann);
  CHECK(l.order() == "2 5 6 3");
  CHECK(l.served() == "2 5 6 3");
}

TEST_CASE("an identity that comes back takes the last turn as well") {
  line l;
  l.join(1, ann, "a");
  l.join(2, bob, "b");
  l.join(3, bob, "b");
  l.join(4, eve, "c");
  l.leave(1);
  l.join(5, ann, "a");
  CHECK(l.order() == "2 4 5 3");
  CHECK(l.serve() == 2);
  l.join(6, eve, "c");
  CHECK(l.served() == "4 5 3 6");
}

TEST_CASE("who leaves unserved costs its holder no turn while that has others waiting") {
  line l;
  l.join(1, ann);
  l.join(2, ann);
  l.join(3, bob);
  l.leave(1);
  CHECK(l.served() == "2 3");
}

TEST_CASE("a holder under two identities has a line in each, and is found by both") {
  line l;
  l.join(1, ann, "b");
  l.join(2, ann, "a");
  l.join(3, ann, "b");
  CHECK(l.any_of(ann) != 0);
  CHECK(l.served() == "1 2 3");
  CHECK(l.any_of(ann) == 0);
}

TEST_CASE("who would join now knows how many it would find before it") {
  line l;
  CHECK(l.queue.ahead_of_newcomer(ann, "", 9) == 0);
  for (std::uint64_t request = 1; request <= 5; ++request)
    l.join(request, ann, "greedy");
  l.join(6, bob, "jane");
  l.join(7, bob, "jane");
  auto would_find = [&](holder_id holder, const std::string& identity, std::size_t limit) {
    auto ahead = l.queue.ahead_of_newcomer(holder, identity, limit);
    auto after = l;
    after.join(99, holder, identity);
    CHECK(after.queue.ahead_of(after.queue.newest(), limit) == ahead);
    return ahead;
  };
  CHECK(would_find(eve, "mary", 9) == 2);
  CHECK(would_find(eve, "jane", 9) == 3);
  CHECK(would_find(bob, "jane", 9) == 5);
  CHECK(would_find(ann, "greedy", 9) == 7);
  CHECK(would_find(ann, "greedy", 4) == 4);
}

namespace {

/// What was served to whom since somebody came or was last served.
struct since {
  std::map<holder_id, std::size_t> siblings;
  std::map<std::string, std::size_t> others;
};

} // namespace

/// The bound, counted: from when a holder comes or is served until it is served next.
TEST_CASE("a holder is served after once each other of its identity, times the identities, at the latest") {
  seeded_random random{7};
  auto below = [&](std::uint64_t limit) { return random.next() % limit; };
  auto identity_of = [](holder_id holder) { return std::string{"aaabbc"[holder.value % 6]}; };
  line l;
  std::map<holder_id, since> waiting;
  std::map<std::string, std::set<std::string>> served_since; // identities, by the one that waits
  std::size_t requests = 0, longest = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto what = below(10);
    holder_id holder{1 + (below(2) == 0 ? 0 : below(12))}; // the first is greedy
    auto identity = identity_of(holder);
    if (what < 5 && l.queue.size() < 60) {
      l.join(++requests, holder, identity);
      waiting.try_emplace(holder);
      served_since.try_emplace(identity);
    } else if (l.queue.empty()) {
      continue;
    } else if (what == 5) {
      if (auto place = l.queue.of(holder))
        l.queue.leave(place);
    } else {
      auto who = l.queue.serve();
      for (auto& [other, book] : waiting) {
        if (other == who.holder)
          continue;
        if (identity_of(other) == who.identity)
          CHECK(++book.siblings[who.holder] == 1);
        else
          ++book.others[who.identity];
      }
      for (auto& [other, served] : served_since)
        if (other != who.identity)
          CHECK(served.insert(who.identity).second);
      auto& mine = waiting[who.holder];
      std::size_t all = mine.siblings.size();
      for (const auto& [other, times] : mine.others) {
        CHECK(times <= mine.siblings.size() + 1);
        all += times;
      }
      longest = std::max(longest, all);
      mine = {};
      served_since[who.identity].clear();
    }
    std::set<std::string> identities;
    for (const auto& [place, w] : l.queue)
      identities.insert(w.identity);
    std::erase_if(waiting, [&](const auto& entry) { return l.queue.of(entry.first) == 0; });
    std::erase_if(served_since, [&](const auto& entry) { return !identities.contains(entry.first); });
    if (i % 100 == 0)
      l.order();
  }
  CHECK(longest > 10); // the bound was put to the test
}
