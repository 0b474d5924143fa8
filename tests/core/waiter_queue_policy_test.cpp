// Promises of the queue by itself: whose turn it is, and who is found by what.
#include <catch2/catch.hpp>

#include <string>
#include <utility>
#include <vector>

#include "actors/pool/policies/waiter_queue.hpp"
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
  std::uint64_t name(waiter_queue::ticket place) const { return place ? queue.at(place).request.value : 0; }
  void leave(std::uint64_t request) {
    CHECK(queue.leave(queue.of(request_id{request})).request.value == request);
    queue.verify();
  }
  std::uint64_t any_of(holder_id holder) const { return name(queue.of(holder)); }
  std::uint64_t most_urgent() const { return name(queue.most_urgent()); }
  std::string served() {
    std::string text;
    while (!queue.empty()) {
      text += (text.empty() ? "" : " ") + std::to_string(queue.leave(queue.turn()).request.value);
      queue.verify();
    }
    return text;
  }
};

} // namespace

TEST_CASE("waiters are served in the order in which they came, whoever left meanwhile") {
  line l;
  for (std::uint64_t request : {5, 3, 9, 1})
    l.join(request, ann);
  l.leave(3);
  l.join(3, bob);
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
