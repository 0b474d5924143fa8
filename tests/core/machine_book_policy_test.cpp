// Promises: the life of a machine book. New connections go to the machine with the most of them, or to spread
// them the fewest; one that failed is the last resort for a time that grows; one whose key is not trusted is
// left alone until the files change; what a name server tells has a bound.
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "actors/pool/policies/machine_book.hpp"

using namespace moorage;
using namespace std::chrono_literals;

namespace {

using names = std::vector<std::string>;
constexpr time_point begin_of_book{1h};

machine_book book_of(const names& hosts) {
  machine_book book;
  book.is_made_of(hosts, true);
  return book;
}

machine_seen one_failed(const std::string& machine) {
  return {machine, machine_finding::failed, machine + " does not answer"};
}

} // namespace

TEST_CASE(
    "by itself the next connection goes to the machine that has the most, and then to the one used last") {
  auto book = book_of({"a", "b", "c"});
  CHECK(book.choose(begin_of_book, false).first == names{"a", "b", "c"});
  book.joined("b");
  book.opened(begin_of_book, "b", "key");
  CHECK(book.choose(begin_of_book, false).first == names{"b", "a", "c"});
  book.left(begin_of_book + 1s, "b");
  CHECK(book.choose(begin_of_book + 2s, false).first == names{"b", "a", "c"});
  CHECK(book.status(begin_of_book + 2s)[1].last_use == 1s);
  CHECK(book.status(begin_of_book + 2s)[0].last_use < 0s);
}

TEST_CASE("to spread them it goes to the machine that has the fewest, those that are being opened counted") {
  auto book = book_of({"a", "b", "c"});
  book.joined("a");
  CHECK(book.choose(begin_of_book, true).first == names{"b", "c", "a"});
  book.joined("b");
  book.joined("c");
  book.joined("b");
  CHECK(book.choose(begin_of_book, true).first == names{"a", "c", "b"});
}

TEST_CASE("a machine that failed comes last, for a time that doubles, and then first of those it would be") {
  auto book = book_of({"a", "b"});
  auto now = begin_of_book;
  std::chrono::nanoseconds delay = 5s;
  for (int i = 0; i < 12; ++i) {
    book.found(now, {one_failed("a")}, {});
    CHECK(book.choose(now + delay - 1ns, true).last == names{"a"});
    CHECK(book.choose(now + delay, true).first == names{"a", "b"});
    now += delay;
    delay = std::min<std::chrono::nanoseconds>(2 * delay, 10min);
  }
  CHECK(delay == 10min);
  book.opened(now, "a", "key");
  CHECK(book.status(now)[0].failures == 0);
  book.found(now, {one_failed("a")}, {});
  CHECK(book.choose(now + 5s, true).last.empty());
}

TEST_CASE(
    "when its time is over one opening begins with a machine that failed, and others do not meanwhile") {
  auto book = book_of({"a", "b"});
  book.found(begin_of_book, {one_failed("a")}, {});
  CHECK(book.choose(begin_of_book + 5s, true).first.front() == "a");
  book.tried(begin_of_book + 5s, "a");
  CHECK(book.choose(begin_of_book + 5s, true).first == names{"b"});
  CHECK(book.choose(begin_of_book + 5s, true).last == names{"a"});
}

TEST_CASE(
    "who asks for a machine that failed has it tried within 12.5 s, however long others leave it alone") {
  auto book = book_of({"a", "b"});
  for (int i = 0; i < 9; ++i)
    book.found(begin_of_book, {one_failed("a")}, {});
  CHECK(book.choose(begin_of_book + 9min, true).last == names{"a"});
  CHECK(book.may_open_at("a") == begin_of_book + 12'500ms);
  CHECK(book.may_open_at("b") <= begin_of_book);
}

TEST_CASE("a machine whose host key is not trusted is not gone to until the files of known keys change") {
  auto book = book_of({"a", "b"});
  book.found(begin_of_book, {{"a", machine_finding::refused, "another key"}}, "files as they were");
  CHECK(book.distrusts("a"));
  CHECK(book.may_open_at("a") == time_point::max());
  CHECK(book.choose(begin_of_book + 24h, false).never == names{"a"});
  book.found(begin_of_book + 24h, {}, "files as they were");
  CHECK(book.distrusts("a"));
  book.found(begin_of_book + 24h, {}, "mended");
  CHECK_FALSE(book.distrusts("a"));
  CHECK(book.choose(begin_of_book + 24h, false).never.empty());
}

TEST_CASE("a reset forgets what failed, and counts what is open") {
  auto book = book_of({"a", "b"});
  book.joined("a");
  book.found(begin_of_book, {{"a", machine_finding::refused, "another key"}, one_failed("b")}, "files");
  book.forgive();
  CHECK(book.choose(begin_of_book, false).first == names{"a", "b"});
  CHECK(book.connections_on("a") == 1);
}

TEST_CASE("of a name server's answers 64 machines are known, besides those that have connections") {
  machine_book book;
  book.is_made_of({}, false);
  book.joined("0");
  for (int i = 0; i < 1'000; ++i)
    book.found(begin_of_book, {{std::to_string(i), machine_finding::listed, {}}}, {});
  CHECK(book.status(begin_of_book).size() == machines_max);
  CHECK(book.connections_on("0") == 1);
  CHECK(book.may_have("1000"));
}

TEST_CASE("a machine that was asked for and is none of the name's is forgotten, and named to nobody else") {
  machine_book book;
  book.is_made_of({}, false);
  book.found(begin_of_book, {{"192.0.2.1", machine_finding::listed, {}}}, {});
  book.joined("192.0.2.9");
  CHECK(book.choose(begin_of_book, false).first == names{"192.0.2.1"});
  book.left(begin_of_book, "192.0.2.9");
  CHECK(book.in_words() == "192.0.2.1");
}

TEST_CASE("of hosts only those of the settings are machines, and what is open at others still counts") {
  auto book = book_of({"a", "b"});
  book.joined("b");
  CHECK(book.may_have("a"));
  CHECK_FALSE(book.may_have("c"));
  book.is_made_of({"c"}, true);
  CHECK(book.choose(begin_of_book, false).first == names{"c"});
  CHECK(book.connections() == 1);
  book.left(begin_of_book, "b");
  CHECK(book.in_words() == "c");
}
