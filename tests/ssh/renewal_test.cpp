// Certificates that end, and the command that gets new ones: when it is run, for whom, and what comes of it
// when it is of no use.
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include <catch2/catch.hpp>

#include "tests/ssh/jump_driver.hpp"
#include "tests/support/agents.hpp"
#include "tests/support/process_tree.hpp"

namespace moorage::support {

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

void sign_by(const std::vector<std::string>& argv) {
  REQUIRE(run_to_end({argv}) == 0);
}

/// A server that lets in by certificates alone, a key, and the command that has a certificate of it made.
struct certified_key {
  explicit certified_key(const std::string& principals = {}) {
    authority = server.add_client_key("authority");
    key = folder / "id";
    named = principals.empty() ? server.user() : principals;
    sign_by({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key});
    server.reconfigure({"TrustedUserCAKeys " + authority + ".pub", "AuthorizedKeysFile none"});
    ::mkfifo((folder / "gate").c_str(), 0600);
  }
  std::vector<std::string> signing(const std::string& validity) const {
    return {"ssh-keygen", "-q", "-s", authority, "-I", "us", "-n", named, "-V", validity, key + ".pub"};
  }
  void certify(const std::string& validity) const { sign_by(signing(validity)); }
  /// Counts its runs, and then does what it is told to.
  std::string command(const std::string& script) const {
    auto program = folder / "renew";
    std::ofstream{program} << "#!/bin/sh\necho run >> " << folder / "runs"
                           << "\n"
                           << script << "\n";
    ::chmod(program.c_str(), 0700);
    return program;
  }
  std::string renewing(const std::string& before = {}) const {
    std::string line = before;
    for (const auto& word : signing("-1h:+2h"))
      line += word + " ";
    return command(line);
  }
  std::size_t runs() const {
    std::ifstream in{folder / "runs"};
    std::string line;
    std::size_t lines = 0;
    while (std::getline(in, line))
      ++lines;
    return lines;
  }
  cluster_settings settings_in(const test::world& around, const std::string& renew) const {
    auto settings = around.settings_for(server);
    settings.key_files = {key};
    settings.renew_command = renew;
    return settings;
  }

  real_sshd server;
  scratch_folder folder;
  std::string authority;
  std::string key;
  std::string named;
};

std::string told_by(const std::vector<std::string>& warnings) {
  std::string text;
  for (const auto& each : warnings)
    text += each + "\n";
  return text;
}

} // namespace

TEST_CASE("a log-in tells which certificate let it in, and when that ends") {
  certified_key us;
  us.certify("-1h:+2h");
  test::world around;
  test::driven link{around, us.settings_in(around, {})};
  REQUIRE(link.open());
  CHECK(link.certificate.name == us.key + "-cert.pub");
  CHECK(link.certificate.principals == us.server.user());
  CHECK(link.certificate.life >= 3h - 1min);
  CHECK((link.certificate.left > 110min && link.certificate.left <= 2h));
  CHECK_THAT(link.certificate.until, Contains("UTC"));
}

TEST_CASE("a certificate that the server denies, and that names somebody else, is said to") {
  certified_key us{"somebody,nobody"};
  us.certify("-1h:+2h");
  test::world around;
  test::driven link{around, us.settings_in(around, {})};
  REQUIRE_FALSE(link.open());
  REQUIRE(link.failed);
  CHECK(link.failed->kind == ssh_failure::denied);
  CHECK_THAT(link.failed->text,
             Contains("its certificate is for somebody, nobody, not for " + us.server.user()));
}

TEST_CASE("one that names somebody else is shown all the same, since servers map names") {
  certified_key us{"somebody"};
  us.certify("-1h:+2h");
  auto names = us.folder / "principals";
  std::ofstream{names} << "somebody\n";
  us.server.reconfigure({"TrustedUserCAKeys " + us.authority + ".pub", "AuthorizedKeysFile none",
                         "AuthorizedPrincipalsFile " + names, "StrictModes no"});
  test::world around;
  test::driven link{around, us.settings_in(around, {})};
  CHECK(link.open());
}

TEST_CASE(
    "a certificate that has ended or ends soon is renewed before the log-in, and one that lasts is not") {
  certified_key us;
  test::world around;
  auto settings = us.settings_in(around, us.renewing());
  settings.certificate_warning = 1h;
  auto [validity, runs] = GENERATE(
      table<std::string, std::size_t>({{"-2h:-1h", 1}, {"-1d:+30m", 1}, {"-1d:+90m", 0}, {"-1h:+70m", 0}}));
  us.certify(validity);
  test::driven link{around, settings};
  CHECK(link.open());
  INFO((link.failed ? link.failed->text : ""));
  CHECK(us.runs() == runs);
  CHECK(link.certificate.left > 65min);
  CHECK(told_by(link.warnings).empty());
}

TEST_CASE("log-ins of several clusters that need the same renewal share one run of it", "[ordinary]") {
  certified_key us;
  us.certify("-2h:-1h");
  test::journey all;
  auto settings = us.settings_in(all.around, us.renewing("read go < " + us.folder / "gate" + "\n"));
  settings.connect_timeout = 20s;
  std::vector<test::driven*> links;
  for (const auto* name : {"one", "one", "another", "another"}) {
    settings.name = name;
    links.push_back(&all.add(settings));
    links.back()->it->open();
  }
  REQUIRE(all.until([&] {
    return std::all_of(links.begin(), links.end(), [](auto* link) { return !link->waited_for.empty(); });
  }));
  CHECK_THAT(links.back()->waited_for.back(), Contains("renew_command"));
  tell_by_fifo(us.folder / "gate", "go\n");
  CHECK(all.until(
      [&] { return std::all_of(links.begin(), links.end(), [](auto* link) { return link->opened; }); }));
  CHECK(us.runs() == 1);
}

TEST_CASE("a renewal takes nothing of connect_timeout, and has a time of its own") {
  certified_key us;
  us.certify("-2h:+5m");
  test::world around;
  SECTION("which it keeps") {
    auto settings = us.settings_in(around, us.renewing("read go < " + us.folder / "gate" + "\n"));
    settings.connect_timeout = 6s;
    test::driven link{around, settings};
    link.it->open();
    CHECK_FALSE(link.until([&] { return link.opened || link.failed; }, 6500ms));
    tell_by_fifo(us.folder / "gate", "go\n");
    CHECK(link.until([&] { return link.opened; }));
    CHECK(us.runs() == 1);
  }
  SECTION("which it does not") {
    auto settings =
        us.settings_in(around, us.command("echo still at it >&2; read go < " + us.folder / "gate"));
    settings.renew_timeout = 3s;
    test::driven link{around, settings};
    CHECK(link.open()); // by what there is
    CHECK_THAT(told_by(link.warnings),
               Contains("had not ended after 3s (renew_timeout)") && Contains("still at it"));
  }
}

TEST_CASE("a renewal that is of no use is told of, and not tried again at once") {
  certified_key us;
  test::world around;
  std::string why;
  std::string script;
  SECTION("it fails") {
    us.certify("-2h:+5m");
    script = "echo no ticket >&2; exit 3";
    why = "renew_command exited with 3: no ticket";
  }
  SECTION("it fails, and there is nothing else") {
    us.certify("-2h:-1h");
    us.server.reconfigure({"TrustedUserCAKeys " + us.authority + ".pub", "AuthorizedKeysFile none"});
    script = "echo no ticket >&2; exit 3";
    why = "renew_command exited with 3: no ticket";
  }
  SECTION("it changes nothing") {
    us.certify("-2h:+5m");
    script = "exit 0";
    why = "renew_command ended well, and the certificate is near its end still";
  }
  auto settings = us.settings_in(around, us.command(script));
  test::driven first{around, settings};
  first.open();
  auto told = [](const test::driven& link) {
    return told_by(link.warnings) + (link.failed ? link.failed->text : "");
  };
  CHECK_THAT(told(first), Contains(why));
  test::driven second{around, settings};
  CHECK(second.open() == first.opened);
  CHECK_THAT(told(second), Contains(why) && Contains("it is run again in"));
  CHECK(us.runs() == 1);
  if (second.failed) { // nobody was asked, who would deny it
    CHECK(second.failed->kind == ssh_failure::no_credentials);
    CHECK_THAT(second.failed->text,
               Contains("-cert.pub has expired, on ") && Contains("), and there is no new one"));
  }
}

TEST_CASE("a certificate that is in the agent alone is renewed there, and the newest is shown") {
  certified_key us;
  us.certify("-1d:+5m");
  ssh_agent agent{{us.key}}; // with its certificate
  ::unlink((us.key + "-cert.pub").c_str());
  test::world around;
  around.around.agent_socket = agent.socket();
  auto named = GENERATE(false, true); // by a file with the public part
  auto script = "SSH_AUTH_SOCK=" + agent.socket() + "; export SSH_AUTH_SOCK\n";
  std::string sign;
  for (const auto& word : us.signing("-1h:+2h"))
    sign += word + " ";
  auto settings = us.settings_in(
      around, us.command(script + sign + "\nssh-add -q " + us.key + "\nrm " + us.key + "-cert.pub"));
  settings.key_files = named ? std::vector<std::string>{us.key + ".pub"} : std::vector<std::string>{};
  settings.agent = true;
  settings.certificate_warning = 30min;
  test::driven link{around, settings};
  CHECK(link.open());
  INFO((link.failed ? link.failed->text : told_by(link.warnings)));
  CHECK(us.runs() == 1);
  CHECK(link.certificate.left > 100min);
  CHECK(told_by(link.warnings).empty());
  test::driven again{around, settings};
  CHECK(again.open());
  CHECK(us.runs() == 1);
}

TEST_CASE("a certificate in the agent that is not valid now is not shown, and said to be so") {
  certified_key us;
  const bool ended = GENERATE(true, false);
  us.certify(ended ? "-2h:-1h" : "+1h:+2h");
  ssh_agent agent{{us.key}};
  ::unlink((us.key + "-cert.pub").c_str());
  test::world around;
  around.around.agent_socket = agent.socket();
  auto settings = us.settings_in(around, {});
  settings.key_files = {};
  settings.agent = true;
  test::driven link{around, settings};
  CHECK_FALSE(link.open());
  REQUIRE(link.failed);
  CHECK_THAT(link.failed->text,
             Contains(ended ? "is not offered: the certificate has expired, on "
                            : "is not offered: the certificate is not valid yet, but from "));
  // The key by itself is tried; no certificate came to the server.
  CHECK(us.server.log_count("Failed publickey") == 1);
  CHECK(us.server.log_count("ED25519-CERT") == 0);
}

TEST_CASE("an agent's certificate that lasts asks for no renewal, and one that is of no use is told of") {
  certified_key us;
  test::world around;
  auto lasts = GENERATE(true, false);
  us.certify(lasts ? "-1h:+2h" : "-1d:+5m");
  ssh_agent agent{{us.key}};
  ::unlink((us.key + "-cert.pub").c_str());
  around.around.agent_socket = agent.socket();
  auto settings = us.settings_in(around, us.command("exit 0"));
  settings.key_files = {};
  settings.agent = true;
  settings.certificate_warning = 30min;
  test::driven link{around, settings};
  CHECK(link.open());
  CHECK(us.runs() == (lasts ? 0 : 1));
  if (lasts)
    CHECK(told_by(link.warnings).empty());
  else
    CHECK_THAT(told_by(link.warnings), Contains("the certificate is near its end still"));
}

TEST_CASE("a certificate beside a locked key is shown with the agent's, and renewed") {
  certified_key us;
  ssh_agent agent{{us.key}}; // without a certificate
  REQUIRE(run_to_end({{"ssh-keygen", "-q", "-p", "-N", "word", "-f", us.key}}) == 0);
  test::world around;
  around.around.agent_socket = agent.socket();
  us.certify("-2h:-1h");
  auto settings = us.settings_in(around, us.renewing());
  settings.agent = true;
  settings.certificate_warning = 30min;
  test::driven link{around, settings};
  CHECK(link.open());
  INFO((link.failed ? link.failed->text : told_by(link.warnings)));
  CHECK(us.runs() == 1);
  CHECK(link.certificate.name == us.key + "-cert.pub");
  CHECK(link.certificate.left > 100min);
}

} // namespace moorage::support
