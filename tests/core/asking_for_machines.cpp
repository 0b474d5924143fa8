// Promises of the queue to those who ask for one machine: they have the same turns as all others, whichever
// machines have slots.
#include <catch2/catch.hpp>

#include <map>
#include <string>
#include <vector>

#include "actors/pool/policies/waiter_queue.hpp"
#include "actors/pool/seeded_random.hpp"

using namespace moorage;
using namespace std::chrono_literals;

namespace {

constexpr holder_id first_holder{1}, second_holder{2}, third_holder{3};

struct asking_line {
  waiter_queue queue;

  void join(std::uint64_t request, holder_id holder, const std::string& machine = {},
            const std::string& identity = {}) {
    waiter who{request_id{request}, holder, {}, time_point{1h}, time_point::max()};
    who.machine = machine;
    who.identity = identity;
    queue.join(who);
    queue.verify();
  }
  /// Whom those machines, and any others where `any`, serve next; 0: nobody.
  std::uint64_t serve(bool any, const std::vector<std::string>& machines) {
    auto place = queue.turn(any, machines);
    if (place == 0)
      return 0;
    auto served = queue.serve(place).request.value;
    queue.verify();
    return served;
  }
};

} // namespace

TEST_CASE("who asks for a machine is passed over while it has no slot, and keeps its turn") {
  asking_line l;
  l.join(1, first_holder, "a");
  l.join(2, second_holder);
  l.join(3, third_holder);
  CHECK(l.queue.asking() == 1);
  CHECK(l.serve(true, {}) == 2);
  CHECK(l.serve(true, {"b"}) == 3);
  l.join(4, second_holder);
  CHECK(l.serve(true, {"a"}) == 1);
  CHECK(l.serve(true, {"a"}) == 4);
  CHECK(l.queue.empty());
  CHECK(l.queue.asking() == 0);
}

TEST_CASE("a slot of a machine goes to whose turn it is, of those who take any and those who ask for it") {
  asking_line l;
  l.join(1, first_holder);
  l.join(2, first_holder, "a");
  l.join(3, second_holder, "a");
  l.join(4, second_holder);
  CHECK(l.serve(true, {"a"}) == 1);
  CHECK(l.serve(true, {"a"}) == 3);
  CHECK(l.serve(true, {"a"}) == 2);
  CHECK(l.serve(true, {"a"}) == 4);
}

TEST_CASE("who waits for several machines has one turn for all of them") {
  asking_line l;
  l.join(1, first_holder, "a");
  l.join(2, first_holder, "b");
  l.join(3, first_holder);
  l.join(4, second_holder);
  CHECK(l.serve(true, {"b"}) == 2);
  CHECK(l.serve(true, {"a", "b"}) == 4); // first_holder was served meanwhile
  CHECK(l.serve(false, {"a", "b"}) == 1);
  CHECK(l.serve(false, {"a", "b"}) == 0);
  CHECK(l.serve(true, {}) == 3);
}

TEST_CASE("between two services of one who waits no other is served twice, whichever machines have slots") {
  seeded_random random{7};
  asking_line l;
  std::uint64_t requests = 0;
  const std::vector<std::string> machines{"", "a", "b"};
  std::map<std::uint64_t, holder_id> of;
  auto pick = [&random](std::size_t of) {
    return static_cast<std::size_t>(random.unit() * static_cast<double>(of));
  };
  auto join = [&](holder_id who, const std::string& machine) {
    of[++requests] = who;
    l.join(requests, who, machine);
  };
  // Bob always waits for any machine: each other is served once at most between two of his.
  std::map<holder_id, int> since;
  join(second_holder, "");
  for (int i = 0; i < 3'000; ++i) {
    if (l.queue.size() < 30)
      join(pick(2) == 0 ? first_holder : third_holder, machines[pick(3)]);
    std::vector<std::string> slots;
    for (const auto& each : {"a", "b"})
      if (pick(2) == 0)
        slots.push_back(each);
    auto served = l.serve(true, slots);
    REQUIRE(served != 0);
    if (of[served] == second_holder) {
      since.clear();
      join(second_holder, "");
    } else {
      REQUIRE(++since[of[served]] == 1);
    }
  }
}
