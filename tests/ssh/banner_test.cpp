// The server's own words: its banners reach whoever has to read them, whole and harmless.
#include <fstream>

#include <catch2/catch.hpp>

#include <libssh/callbacks.h>

#include "runtime/ssh/opening/banner.hpp"
#include "runtime/ssh/opening/first_words.hpp"
#include "tests/ssh/transport_driver.hpp"
#include "tests/ssh/visitor.hpp"
#include "tests/support/hostile.hpp"

namespace moorage::support {

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;

/// What the pieces, each as it came and seen twice, are put together to.
first_words heard(const std::vector<std::string>& pieces) {
  first_words words;
  std::uint64_t offset = 0;
  for (const auto& piece : pieces) {
    words.saw(offset, piece.substr(0, piece.size() / 2));
    words.saw(offset, piece);
    offset += piece.size();
  }
  return words;
}

} // namespace

TEST_CASE("every banner of a log-in is heard, also those that come in one go") {
  fake_faults faults;
  faults.banners = {"Maintenance at noon.\n", "Use of this system is\r\nmonitored.\r\n", "And that is that."};
  fake_sshd server{faults};
  test::world around;
  test::driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  CHECK(link.banner == "Maintenance at noon.\nUse of this system is\nmonitored.\nAnd that is that.");
}

TEST_CASE("sshd's banner is passed on whole, with its lines") {
  real_sshd server;
  std::string notice;
  for (int line = 0; line < 60; ++line)
    notice += "* line " + std::to_string(line) + " of what you agree to by going on\twith it *\n";
  std::ofstream{server.folder() + "/banner"} << notice;
  server.reconfigure({"Banner " + server.folder() + "/banner"});
  test::world around;
  test::driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  CHECK(link.banner + "\n" == notice);
}

TEST_CASE("a hostile banner shows nothing but its characters, and a huge one is cut") {
  fake_faults faults;
  faults.banners = {hostile_text + std::string(banner_max, 'x'), std::string(banner_max, 'y')};
  fake_sshd server{faults};
  test::world around;
  test::driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  CHECK(misleading(link.banner) == "");
  CHECK_THAT(link.banner, Contains("evil\\x1b[2J") && EndsWith("…"));
  CHECK(link.banner.size() < banner_max + 10);
}

TEST_CASE("what is cut of a banner is cut as it is shown, escapes and all") {
  fake_faults faults;
  faults.banners = {std::string(banner_max / 2, '\x1b')};
  faults.auth = GENERATE(reply::normal, reply::refuse);
  fake_sshd server{faults};
  test::world around;
  test::driven link{around, around.settings_for(server)};
  if (link.open()) {
    CHECK_THAT(link.banner, EndsWith("…"));
    CHECK(link.banner.size() < banner_max + 10);
  } else {
    REQUIRE(link.failed);
    CHECK_THAT(link.failed->text, EndsWith("…\""));
    CHECK(link.failed->text.size() < quoted_max + 1'000);
  }
}

TEST_CASE("the words with which a server turns a log-in away stand in the error, which is not latched") {
  fake_faults faults;
  faults.break_at = phase::authentication;
  faults.break_how = GENERATE(breakage::close, breakage::disconnect, breakage::silence);
  faults.parting_banner = "down for maintenance until noon\n";
  fake_sshd server{faults};
  test::world around;
  auto settings = around.settings_for(server);
  settings.connect_timeout = 1500ms;
  test::driven link{around, settings};
  CHECK(!link.open());
  REQUIRE(link.failed);
  INFO(link.failed->text);
  CHECK_THAT(link.failed->text, EndsWith("; the server says \"down for maintenance until noon\"") &&
                                    !Contains("Socket error") && !Contains("SSH_MSG"));
  CHECK(is_transient(link.failed->kind));
}

TEST_CASE("a denial ends with what the server said") {
  fake_faults faults;
  faults.auth = reply::refuse;
  faults.banners = {"Accounts of last year are closed.\nAsk the help desk.\n"};
  fake_sshd server{faults};
  test::world around;
  test::driven link{around, around.settings_for(server)};
  CHECK(!link.open());
  REQUIRE(link.failed);
  CHECK(link.failed->kind == ssh_failure::denied);
  CHECK_THAT(link.failed->text,
             EndsWith("; the server says \"Accounts of last year are closed.\nAsk the help desk.\""));
}

TEST_CASE("a log-in leaves libssh's log as it found it") {
  static int lines = 0;
  lines = 0;
  auto before = ssh_get_log_level();
  ssh_set_log_callback([](int, const char*, const char*, void* mine) { lines += mine == &lines ? 1 : 0; });
  ssh_set_log_userdata(&lines);
  ssh_set_log_level(SSH_LOG_NOLOG);
  fake_faults faults;
  faults.banners = {"hello"};
  fake_sshd server{faults};
  visitor alice{server};
  real_sshd keys;
  alice.settings.key_files = {keys.client_key()};
  auto result = alice.log_in();
  CHECK(result.banner == "hello");
  CHECK(ssh_get_log_level() == SSH_LOG_NOLOG);
  CHECK(ssh_get_log_userdata() == &lines);
  CHECK(lines == 0); // what was heard for the banner's sake is nobody else's
  ssh_set_log_userdata(nullptr);
  ssh_set_log_level(before);
}

TEST_CASE("the first words of a server are put together however they are cut") {
  const std::string all = "Exceeded MaxStartups\r\nplease wait\r\nSSH-2.0-OpenSSH_9.2p1\r\nbinary";
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    auto words = heard({all.substr(0, cut), all.substr(cut)});
    CHECK(words.for_people() == "Exceeded MaxStartups\r\nplease wait");
    CHECK(words.half_banner().empty());
    CHECK(words.ssh());
  }
  std::vector<std::string> bytes;
  for (char c : all)
    bytes.emplace_back(1, c);
  CHECK(heard(bytes).for_people() == "Exceeded MaxStartups\r\nplease wait");
  first_words gap; // libssh may take what came after we looked
  gap.saw(0, "Exceeded");
  gap.saw(19, "ups\r\nSSH-2.0-x\r\n");
  CHECK(gap.for_people() == "Exceeded…ups");
  CHECK(gap.ssh());
}

TEST_CASE("what OpenSSH says to whom it lets go no further is told from other words, and from a banner's") {
  CHECK(heard({"Exceeded MaxStartups\r\n"}).turns_away());
  CHECK(heard({"Not allowed at", " this time\r\n"}).turns_away());
  CHECK_FALSE(heard({"220 mail.example ESMTP\r\n"}).turns_away());
  CHECK_FALSE(heard({"Exceeded MaxStartups\r\nSSH-2.0-OpenSSH_9.2p1\r\n"}).turns_away());
  CHECK_FALSE(heard({}).turns_away());
}

TEST_CASE("half a banner is no other protocol, and no banner is none") {
  CHECK(heard({"SSH-2.0-Op", "en"}).half_banner() == "SSH-2.0-Open");
  CHECK(heard({"hello\r\nSSH-2.0-Open"}).half_banner() == "SSH-2.0-Open");
  CHECK(heard({"hello\r\nSSH-2.0-Open"}).for_people() == "hello");
  auto mail = heard({"220 mail.example", " ESMTP\r\n"});
  CHECK_FALSE(mail.ssh());
  CHECK(mail.for_people() == "220 mail.example ESMTP");
  CHECK_FALSE(heard({}).any());
  CHECK(heard({std::string(5 * first_words::length_max, 'x')}).for_people().size() ==
        first_words::length_max);
  first_words full; // but for one byte, and then there is a gap
  full.saw(0, std::string(first_words::length_max - 1, 'x'));
  full.saw(2 * first_words::length_max, "x");
  CHECK(full.for_people() == std::string(first_words::length_max - 1, 'x'));
}

TEST_CASE("a server that stops in the middle of its banner is told from one that speaks no SSH") {
  fake_faults faults;
  faults.foreign_banner = GENERATE(as<std::string>(), "SSH-2.0-Half", "please wait\r\nSSH-2.0-Half");
  fake_sshd server{faults};
  test::world around;
  auto settings = around.settings_for(server);
  settings.connect_timeout = 2s; // a busy machine needs some of it before the banner
  test::driven link{around, settings};
  CHECK(!link.open());
  REQUIRE(link.failed);
  CHECK(link.failed->kind == ssh_failure::timed_out);
  CHECK_THAT(link.failed->text, Contains("in the middle of its banner (\"SSH-2.0-Half\")"));
}

} // namespace moorage::support
