// Promises: no sentence of the observer's is without a planted bug, and nor are those of the world itself.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "tests/core/falsifiers.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// Of the sources whose names begin so; what stands on several lines is one.
std::set<std::string> sentences(const std::string& sources) {
  std::set<std::string> all;
  for (const auto& file :
       std::filesystem::directory_iterator{std::string{MOORAGE_SOURCE_DIR} + "/tests/core"}) {
    auto name = file.path().filename().string();
    if (!name.starts_with(sources) || file.path().extension() != ".cpp")
      continue;
    std::ifstream in{file.path()};
    std::string text{std::istreambuf_iterator<char>{in}, {}};
    text = std::regex_replace(text, std::regex{"\"\\s*\n\\s*\""}, "");
    const std::regex sentence{"\"([^\"\n]* [^\"\n]* [^\"\n]* [^\"\n]*)\""};
    for (std::sregex_iterator i{text.begin(), text.end(), sentence}, end; i != end; ++i)
      all.insert((*i)[1]);
  }
  return all;
}

std::string complaint_in_peace(impolite_world& world) {
  try {
    world.make_peace();
    return "nothing was noticed";
  } catch (const broken_promise& e) {
    return e.what();
  }
}

} // namespace

TEST_CASE("each sentence of the observer is that of a planted bug", "[planted]") {
  auto promised = sentences("observer"), broken = sentences("planted");
  CHECK(promised.size() > 100);
  std::vector<std::string> never;
  std::set_difference(promised.begin(), promised.end(), broken.begin(), broken.end(),
                      std::back_inserter(never));
  CHECK(never == std::vector<std::string>{});
}

TEST_CASE("a kind world notices a pool that never asks for leave", "[planted]") {
  impolite_world world{1};
  world.pool.tamper = [](watched_pool& pool) {
    std::erase_if(pool.effects, [](const auto& e) {
      return std::holds_alternative<request_permit>(e) || std::holds_alternative<return_permit>(e);
    });
    pool.due = pool.now;
  };
  world.pool.step(acquire_requested{request_id{1'000}, holder_id{1}, time_point::max(), {}});
  CHECK(complaint_in_peace(world) == "in a kind world everybody is served");
}

TEST_CASE("a kind world notices a pool that has stopped and kept a connection", "[planted]") {
  impolite_world world{1};
  pool_core another{world.pool.watch.settings(), 1};
  another.step(world.pool.now, acquire_requested{request_id{1}, holder_id{1}, time_point::max(), {}});
  another.step(world.pool.now, permit_given{permit_id{1}});
  REQUIRE(another.status(world.pool.now).total == 1);
  world.pool.tamper = [&another](watched_pool& pool) {
    if (pool.watch.stopping() && first<acknowledge>(pool) != nullptr)
      pool.core = another;
  };
  CHECK(complaint_in_peace(world) == "a stopped pool ends");
}
