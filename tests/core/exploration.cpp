// Promises: what always holds, holds after every short sequence of events. From each start below, every
// sequence up to a depth is played, one copy of the pool per branch: events that fit, late ones, repeated
// ones, and ones about things that never were. At the end of every sequence the world turns kind, or dead,
// and everybody who waits must be answered.
#include <catch2/catch.hpp>

#include "tests/core/exploration_parts.hpp"

using namespace moorage;
using namespace moorage::test;

TEST_CASE("acquires, leases and holders in every order", "[exploration]") {
  explore(leases_and_holders());
}

TEST_CASE("holders and identities that take turns, in every order", "[exploration]") {
  explore(turns());
}

TEST_CASE("waits that are long for long, in every order", "[exploration]") {
  explore(long_waits());
}

TEST_CASE("leases given back with word that their connection is bad, in every order", "[exploration]") {
  explore(discarded_leases());
}

TEST_CASE("deadlines of every length in every order", "[exploration]") {
  explore(deadlines());
}

TEST_CASE("openings that succeed, fail, are denied and get lost in every order", "[exploration]") {
  explore(one_opening());
}

TEST_CASE("openings of several connections in every order", "[exploration]") {
  explore(several_openings());
}

TEST_CASE("those who wait until a cluster is ready, and those who do not, in every order", "[exploration]") {
  explore(readiness());
}

TEST_CASE("those who wait until a cluster of two connections is ready, in every order", "[exploration]") {
  explore(readiness_of_two());
}

TEST_CASE("permits, openings and deadlines in every order", "[exploration]") {
  explore(permits());
}

TEST_CASE("probes, leases and losses in every order", "[exploration]") {
  explore(probes());
}

TEST_CASE("evidence, probes, leases and losses in every order", "[exploration]") {
  explore(evidence());
}

TEST_CASE("what admins do, in every order with everything else", "[exploration]") {
  explore(orders());
}

TEST_CASE("pauses of several senders, their ends, suspensions and drains in every order", "[exploration]") {
  explore(pauses());
}

TEST_CASE("what is carried, beside leases and without, in every order", "[exploration]") {
  explore(carriages());
}
