// A server that allows fewer channels on a connection than the settings say.
#include <catch2/catch.hpp>

#include <numeric>
#include <string>
#include <vector>

#include "tests/runtime/embedding_fixture.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

constexpr int users = 8;

support::real_sshd_settings two_sessions() {
  support::real_sshd_settings settings;
  settings.max_sessions = 2;
  return settings;
}

/// Four leases may share a connection, of which the server serves two; so that a pool of six serves all.
cluster_settings shared_by_four(const support::real_sshd& sshd) {
  auto settings = settings_for(sshd, "alpha");
  settings.pool_size = 6;
  settings.channels_per_connection = 4;
  settings.spread_leases = false;
  settings.connects_at_once = 0;
  return settings;
}

exec_request nap(int number) {
  return {"sleep 0.3; echo " + std::to_string(number), {}, {}, 0ms, 0};
}

/// The moves of all; each has ended well, with its own output.
std::uint32_t moves_of(std::vector<pending<exec_result>>& all) {
  std::uint32_t moves = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto finished = all[i].get();
    CHECK(to_string(finished.ended) == "exited 0");
    CHECK(finished.output == std::to_string(i) + "\n");
    moves += finished.ended.moves;
  }
  return moves;
}

} // namespace

TEST_CASE("a server that allows fewer channels than leases are put on a connection costs nobody a command") {
  support::real_sshd sshd{two_sessions()};
  runtime rt{quiet_configuration({shared_by_four(sshd)})};
  std::uint32_t moves[2]{};
  for (auto& each : moves) {
    std::vector<lease> leases;
    for (int i = 0; i < users; ++i)
      leases.push_back(rt.acquire("alpha", 20s));
    std::vector<pending<exec_result>> running;
    for (int i = 0; i < users; ++i)
      running.push_back(leases[static_cast<std::size_t>(i)].async().run(nap(i)));
    each = moves_of(running);
  }
  CHECK(moves[0] > 0);
  CHECK(moves[1] < moves[0]); // it was learnt
  CHECK(sshd.logins() <= 6);
}

TEST_CASE("a server that allows fewer channels than leases costs a command without a lease nothing either") {
  support::real_sshd sshd{two_sessions()};
  runtime rt{quiet_configuration({shared_by_four(sshd)})};
  std::vector<pending<exec_result>> running;
  for (int i = 0; i < users; ++i)
    running.push_back(rt.async().run("alpha", nap(i), 20s));
  CHECK(moves_of(running) > 0);
  CHECK(sshd.logins() <= 6);
}

TEST_CASE("a stream goes to another connection as well where its own has no channel for it") {
  support::real_sshd sshd{two_sessions()};
  runtime rt{quiet_configuration({shared_by_four(sshd)})};
  std::vector<lease> leases;
  std::vector<stream> streams;
  for (int i = 0; i < 4; ++i)
    leases.push_back(rt.acquire("alpha", 20s));
  for (auto& each : leases) {
    streams.push_back(each.open({"cat", {}, {}, {}, 0}));
    CHECK(streams.back().write("some input"));
  }
  for (auto& each : streams) {
    each.end_input();
    stream::chunk chunk;
    std::string all;
    while (each.read(chunk))
      all += chunk.bytes;
    CHECK(to_string(each.ended()) == "exited 0");
    CHECK(all == "some input");
  }
}
