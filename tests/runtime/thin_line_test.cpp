// One thin line through everything: acquire, run a command on a real sshd, probe, release, stop.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/runtime/embedding_fixture.hpp"

using namespace moorage;
using namespace moorage::test;

TEST_CASE("a lease runs a command on a real sshd and goes back to the pool") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  {
    auto lease = rt.acquire("alpha", 20s, "thin line");
    auto result = lease.run("echo to-stdout; echo to-stderr >&2; exit 7");
    CHECK(to_string(result.ended) == "exited 7");
    CHECK(result.output == "to-stdout\n");
    CHECK(result.error_output == "to-stderr\n");
    auto status = rt.pool("alpha").value();
    CHECK(status.leased == 1);
    CHECK(status.total == 1);
    CHECK(rt.round_trip(lease).value() > 0ns);
    CHECK(rt.leases("alpha").value().at(0).label == "thin line");
  }
  auto again = rt.acquire("alpha", 20s);
  CHECK(again.run("true").ended.succeeded());
  CHECK(sshd.logins() == 1);
  CHECK(bool{again.release()});
  CHECK(again.release().error().code == errc::already_released);
  REQUIRE(bool{rt.probe("alpha")});
  auto stopping = std::chrono::steady_clock::now();
  rt.stop();
  CHECK(std::chrono::steady_clock::now() - stopping < 1s);
  CHECK(sshd.wait_for_connections(0, 5s));
}

TEST_CASE("output streams as it comes, and input goes the other way") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  auto lease = rt.acquire("alpha", 20s);
  auto stream = lease.open({"cat", {}, {}, {}, 0});
  REQUIRE(stream.write("ping"));
  stream::chunk chunk;
  REQUIRE(stream.read(chunk));
  CHECK(chunk.bytes == "ping");
  stream.end_input();
  CHECK_FALSE(stream.read(chunk));
  CHECK(to_string(stream.ended()) == "exited 0");

  std::uint64_t bytes = 0;
  auto ended = lease.stream("head -c 20000000 /dev/zero", [&bytes](output_kind, std::string_view part) {
    bytes += part.size();
    return true;
  });
  CHECK(to_string(ended) == "exited 0");
  CHECK(bytes == 20'000'000);
  // The pool knows it for evidence, by its kind.
  auto shown = rt.connections("alpha").value();
  const auto& outcomes = shown.at(0).outcomes;
  CHECK(std::any_of(outcomes.begin(), outcomes.end(), [](const connection_outcome& each) {
    return each.of == evidence_kind::stream && each.answered;
  }));
}

TEST_CASE("an unknown cluster is refused with the names there are") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  auto refused = rt.try_acquire("beta");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::unknown_cluster);
  CHECK(refused.error().text.find("alpha") != std::string::npos);
}
