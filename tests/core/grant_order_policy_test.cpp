// Promises of the order of granting by itself, and of the index that keeps it.
#include <catch2/catch.hpp>

#include <string>
#include <utility>
#include <vector>

#include "actors/pool/ordered_index.hpp"
#include "actors/pool/policies/grant_order.hpp"

using namespace moorage;
using namespace std::chrono_literals;

namespace {

const time_point now{1h};

struct named {
  std::string name;
  grant_candidate candidate;
  health known;
};

named sound(std::string name, std::uint64_t stamp, std::uint32_t in_use = 0) {
  return {std::move(name), {connection_id{stamp}, in_use, 4, false, stamp}, {}};
}
named outlived(named c) {
  c.candidate.outlived = true;
  return c;
}
named doubted(named c) {
  c.known.doubt();
  return c;
}
named failed(named c) {
  c.known.failed(now);
  return c;
}
named slow(named c) {
  c.candidate.slow = true;
  return c;
}
named worth_less(named c, std::uint8_t demerits = 1) {
  c.candidate.demerits = demerits;
  return c;
}
named probing(named c) {
  c.known.probe_started(probe_id{1}, false, now, 5s);
  return c;
}

/// The order in which they are granted; those that are not at all are left out.
std::string granted(const std::vector<named>& all) {
  ordered_index<grant_rank> index;
  std::vector<ordered_index<grant_rank>::place> places(all.size());
  for (std::size_t i = 0; i < all.size(); ++i)
    index.list(places[i], rank_for_grant(all[i].candidate, all[i].known));
  std::string text;
  for (const auto& rank : index)
    for (const auto& c : all)
      if (c.candidate.connection == rank.connection)
        text += (text.empty() ? "" : ", ") + c.name;
  return text;
}

using numbers = ordered_index<int>;

std::string listed(const numbers& index) {
  std::string text;
  for (auto key : index)
    text += (text.empty() ? "" : " ") + std::to_string(key);
  return text;
}

} // namespace

TEST_CASE("the youngest idle connection is granted first, and idle ones before leased ones") {
  CHECK(granted({sound("old", 1), sound("young", 3), sound("middle", 2)}) == "young, middle, old");
  CHECK(granted({sound("leased twice", 9, 2), sound("idle", 1), sound("leased", 5, 1)}) ==
        "idle, leased, leased twice");
}

TEST_CASE("one that is not under probe is preferred, even where it carries more") {
  CHECK(granted({probing(sound("asked", 9)), sound("busy", 1, 3)}) == "busy, asked");
}

TEST_CASE(
    "the one that did best lately is granted first, even where it carries more, and then the youngest") {
  CHECK(granted({worth_less(sound("poor", 9), 2), worth_less(sound("fair", 8)), sound("good", 1),
                 sound("good, young", 3), sound("good, busy", 7, 3)}) ==
        "good, young, good, good, busy, fair, poor");
}

TEST_CASE("one that is slow comes after what has outlived its time, and before what is doubted") {
  CHECK(granted({doubted(sound("doubted", 9)), slow(sound("slow", 8)), slow(outlived(sound("both", 7))),
                 outlived(sound("outlived", 2))}) == "outlived, slow, both, doubted");
}

TEST_CASE("what has outlived its time comes after what has not, then what is doubted, and what failed last") {
  CHECK(granted({failed(sound("failed", 9)), doubted(sound("doubted", 8)), outlived(sound("outlived", 7)),
                 probing(sound("asked", 6)), sound("leased", 5, 3)}) ==
        "leased, asked, outlived, doubted, failed");
  CHECK(granted({failed(doubted(outlived(sound("all at once", 9)))), failed(sound("failed", 3))}) ==
        "all at once, failed");
}

TEST_CASE("a connection without a free slot is not granted, nor a second lease on one that failed") {
  CHECK(granted({sound("full", 1, 4), sound("last slot", 2, 3)}) == "last slot");
  CHECK(granted({failed(sound("leased", 1, 1)), failed(sound("idle", 2))}) == "idle");
  CHECK(granted({doubted(sound("doubted, leased", 1, 1))}) == "doubted, leased");
}

TEST_CASE("a thing whose key changed while it was listed moves, and leaves nothing behind") {
  numbers index;
  numbers::place a, b;
  index.list(a, 5);
  index.list(b, 7);
  CHECK(listed(index) == "5 7");
  index.list(a, 9);
  CHECK(listed(index) == "7 9");
  index.list(a, 9);
  CHECK(listed(index) == "7 9");
  CHECK(index.agrees(a, 9));
  CHECK_FALSE(index.agrees(a, 5));
  index.list(a, {});
  index.list(a, {});
  CHECK(listed(index) == "7");
  CHECK_FALSE(a.listed());
  CHECK(index.first() == 7);
  CHECK(index.last() == 7);
}

TEST_CASE("an index says so when two things would stand under one key, or its books are not its own") {
  numbers index;
  numbers::place a, b;
  index.list(a, 5);
  CHECK_THROWS_WITH(index.list(b, 5), "a key lists one thing");
  index.list(b, 6);
  CHECK_THROWS_WITH(index.list(b, 5), "a key lists one thing");
  numbers other;
  CHECK_FALSE(other.agrees(a, 5));
  CHECK_THROWS_WITH(other.list(a, 8), "what is listed is found under its key");
}
