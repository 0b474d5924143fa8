// Output by the line.
#include <catch2/catch.hpp>

#include <caf/all.hpp>
#include <string>
#include <vector>

#include "tests/runtime/embedding_fixture.hpp"

using namespace moorage;
using namespace moorage::test;

TEST_CASE("a stream is read by the line, output and error output each in order, and the last without a "
          "newline too") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  auto lease = rt.acquire("alpha", 20s);
  auto output = lease.open("printf 'a\\n\\nb'; sleep 0.1; printf 'c\\nlast'; printf 'x\\ny' >&2");
  std::vector<std::string> lines, errors;
  bool cut = false;
  for (auto& line : output.lines()) {
    (line.kind == output_kind::output ? lines : errors).push_back(line.text);
    cut = line.cut;
  }
  CHECK(lines == std::vector<std::string>{"a", "", "bc", "last"});
  CHECK(errors == std::vector<std::string>{"x", "y"});
  CHECK(cut);
  CHECK(output.ended().succeeded());
  int count = 0;
  for (auto& line : lease.open("seq 1000").lines())
    CHECK(line.text == std::to_string(++count));
  CHECK(count == 1000);
}

TEST_CASE("a line longer than 64 KiB comes in pieces of that, which say so") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  auto lease = rt.acquire("alpha", 20s);
  const std::string longest(stream::line_max, 'x');
  auto output = lease.open({.command = "cat", .input = longest + "\n" + longest + longest + "tail\nnext\n"});
  output.end_input();
  std::vector<std::pair<std::size_t, bool>> lengths;
  stream::line line;
  while (output.read_line(line))
    lengths.emplace_back(line.text.size(), line.cut);
  CHECK(lengths == std::vector<std::pair<std::size_t, bool>>{{stream::line_max, false},
                                                             {stream::line_max, true},
                                                             {stream::line_max, true},
                                                             {4, false},
                                                             {4, false}});
}

TEST_CASE("who reads by the line and then as it comes misses nothing") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  auto lease = rt.acquire("alpha", 20s);
  auto output = lease.open({.command = "cat", .input = "first\nsecond\nthird"}); // in one piece
  output.end_input();
  stream::line line;
  REQUIRE(output.read_line(line));
  CHECK(line.text == "first");
  std::string rest;
  for (stream::chunk chunk; output.read(chunk);)
    rest += chunk.bytes;
  CHECK(rest == "second\nthird");
  CHECK_FALSE(output.read_line(line));
}
