// A result is what std::expected is, and safer where a temporary is looked into.
#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/result.hpp"

using namespace moorage;

namespace {

/// Says when it has been destroyed: what looks into it afterwards dangles.
struct mortal {
  explicit mortal(std::shared_ptr<int> alive) : alive(std::move(alive)) { ++*this->alive; }
  mortal(const mortal& other) : alive(other.alive) { ++*alive; }
  mortal& operator=(const mortal&) = delete;
  ~mortal() { --*alive; }
  std::shared_ptr<int> alive;
};

result<std::vector<mortal>> some_mortals(const std::shared_ptr<int>& alive) {
  std::vector<mortal> all;
  all.reserve(3);
  for (int i = 0; i < 3; ++i)
    all.emplace_back(alive);
  return all;
}

result<int> one() {
  return 1;
}

result<int> refused() {
  return failure{errc::queue_full, "full"};
}

} // namespace

TEST_CASE("a loop over what a call gave back walks over something that is still there") {
  auto alive = std::make_shared<int>(0);
  int seen = 0;
  for (auto& each : *some_mortals(alive)) {
    CHECK(*each.alive == 3);
    ++seen;
  }
  for (auto& each : some_mortals(alive).value()) {
    CHECK(*each.alive == 3);
    ++seen;
  }
  const auto& kept = *some_mortals(alive);
  CHECK(*alive == 3);
  CHECK(kept.size() == 3);
  CHECK(seen == 6);
  static_assert(std::is_same_v<decltype(*one()), int>);
  static_assert(std::is_same_v<decltype(one().value()), int>);
  static_assert(std::is_same_v<decltype(one().error()), failure>);
  auto named = one();
  static_assert(std::is_same_v<decltype(*named), int&>);
  static_assert(std::is_same_v<decltype(*std::as_const(named)), const int&>);
}

TEST_CASE("a value that is not there is one clear error, however it is asked for") {
  auto none = refused();
  CHECK_FALSE(none.has_value());
  CHECK_FALSE(bool{none});
  CHECK_THROWS_WITH(none.value(), "queue_full: full");
  CHECK_THROWS_AS(*none, error);
  CHECK_THROWS_AS(*refused(), error);
  result<std::string> text{failure{errc::stopping, "over"}};
  CHECK_THROWS_AS(text->size(), error);
  CHECK(none.error() == failure{errc::queue_full, "full"});
  CHECK(one().error().code == errc::none);
  CHECK(none.value_or(7) == 7);
  CHECK(one().value_or(7) == 1);
  result<void> nothing{failure{errc::stopping, "over"}};
  CHECK_THROWS_AS(nothing.value(), error);
  CHECK_THROWS_AS(*nothing, error);
  CHECK_NOTHROW(result<void>{}.value());
}

TEST_CASE("results are chained: the first refusal is the chain's, and what follows it is not called") {
  auto half = [](int x) -> result<int> {
    if (x % 2 != 0)
      return failure{errc::invalid_request, std::to_string(x) + " is odd"};
    return x / 2;
  };
  CHECK(*result<int>{8}.and_then(half).and_then(half) == 2);
  CHECK(result<int>{6}.and_then(half).and_then(half).error().text == "3 is odd");
  CHECK(refused().and_then(half).error().code == errc::queue_full);
  CHECK(*one().transform([](int x) { return std::to_string(x); }) == "1");
  int called = 0;
  CHECK(one().transform([&called](int) { ++called; }).has_value());
  CHECK_FALSE(refused().transform([&called](int) { ++called; }).has_value());
  CHECK(called == 1);
  CHECK(*refused().or_else(
            [](const failure& why) -> result<int> { return static_cast<int>(why.text.size()); }) == 4);
  CHECK(*one().or_else([](const failure&) -> result<int> { return 9; }) == 1);
  CHECK(*result<void>{}.and_then(one) == 1);
  CHECK(*result<void>{}.transform([] { return 3; }) == 3);
  CHECK(result<void>{failure{errc::stopping, ""}}.and_then(one).error().code == errc::stopping);
  CHECK(result<void>{failure{errc::stopping, ""}}
            .or_else([](const failure&) { return result<void>{}; })
            .has_value());
}

TEST_CASE("what can only be moved goes through a result") {
  auto make = []() -> result<std::unique_ptr<int>> { return std::make_unique<int>(5); };
  CHECK(**make() == 5);
  auto kept = make();
  auto taken = std::move(kept).value();
  CHECK(*taken == 5);
  CHECK(*make().transform([](std::unique_ptr<int> x) { return *x; }) == 5);
  CHECK(*make().value_or(nullptr) == 5);
  CHECK(*make()
             .or_else([](const failure&) -> result<std::unique_ptr<int>> { return std::unique_ptr<int>{}; })
             .value() == 5);
}
