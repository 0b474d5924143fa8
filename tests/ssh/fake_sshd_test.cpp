// The fake sshd is only worth something if a stock client sees every fault it is told to show. Each case
// below sets one, and looks with libssh's blocking client.
#include "tests/ssh/fake_client.hpp"

#include <catch2/catch.hpp>

using namespace moorage::support;
using namespace std::chrono_literals;

namespace {

fake_faults broken_at(phase at, breakage how) {
  fake_faults faults;
  faults.break_at = at;
  faults.break_how = how;
  return faults;
}

/// What the client says of a connection that breaks at the phase; empty would be success.
std::string error_when(const fake_faults& faults, std::chrono::milliseconds patience,
                       fake_counters& counters) {
  fake_sshd sshd{faults};
  // What goes well before must not be cut short on a busy machine.
  plain_client client{faults.break_at >= phase::channel_open ? 20s : patience};
  auto error = reach(client, sshd);
  client.have_patience(patience);
  if (error.empty())
    error = client.run("echo before; hang").error;
  CHECK(sshd.wait_until([](const auto& c) { return c.broken == 1; }));
  counters = sshd.counters();
  return error;
}

} // namespace

TEST_CASE("the fake sshd runs its commands and tells stdout, stderr, status and signal apart", "[fake]") {
  fake_sshd sshd;
  plain_client client;
  REQUIRE(reach(client, sshd) == "");
  CHECK(client.host_key() == sshd.host_key());
  CHECK(client.run("true").status == 0);
  CHECK(client.run("false").status == 1);
  CHECK(client.run("exit 42; echo unreached").status == 42);
  auto both = client.run("echo one; echo-stderr two; exit 3");
  CHECK(both.out == "one\n");
  CHECK(both.err == "two\n");
  CHECK(both.status == 3);
  CHECK(both.closed);
  auto killed = client.run("kill SEGV");
  CHECK(killed.signal == "SEGV");
  CHECK(killed.status == -1);
  CHECK(client.run("env COLOUR", "", {{"COLOUR", "blue"}}).out == "blue\n");
  CHECK(client.run("sleep 5; echo later").out == "later\n");
  CHECK(client.run("hang", "", {}, "INT").signal == "INT");
  auto unknown = client.run("squeue --me");
  CHECK(unknown.status == 127);
  CHECK(unknown.err == "squeue: not found\n");
  CHECK(sshd.commands().back() == "squeue --me");
  CHECK(sshd.users() == std::vector<std::string>{"tester"});
}

TEST_CASE("the fake sshd echoes, counts and floods megabytes without losing a byte", "[fake]") {
  fake_sshd sshd;
  plain_client client;
  REQUIRE(reach(client, sshd) == "");
  std::string input(3 << 20, '\0');
  for (std::size_t i = 0; i < input.size(); ++i)
    input[i] = static_cast<char>(i * 31 >> 3);
  CHECK(client.run("count", input).out == std::to_string(input.size()) + "\n");
  CHECK(client.run("cat", input.substr(0, 900'000)).out == input.substr(0, 900'000));
  for (const char* command : {"flood 3000001", "flood-stderr 3000001"}) {
    auto result = client.run(command);
    auto& text = result.out.empty() ? result.err : result.out;
    REQUIRE(text.size() == 3'000'001);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < text.size(); ++i)
      wrong += text[i] != fake_sshd::flood_byte(i);
    CHECK(wrong == 0);
  }
}

TEST_CASE("the fake sshd refuses while it does not listen, and keeps its port", "[fake]") {
  fake_sshd sshd{fake_sshd_settings{{}, "127.0.0.1", 0, false}};
  plain_client client;
  CHECK(client.connect(sshd.host(), sshd.port()).find("refused") != std::string::npos);
  sshd.listen(true);
  CHECK(reach(client, sshd) == "");
  sshd.listen(false);
  CHECK(client.run("true").status == 0);
  plain_client second;
  CHECK(second.connect(sshd.host(), sshd.port()).find("refused") != std::string::npos);
  sshd.listen(true);
  CHECK(reach(second, sshd) == "");
  CHECK(sshd.counters().connects == 2);
}

TEST_CASE("the fake sshd breaks a connection in each phase in each way", "[fake]") {
  auto at = GENERATE(phase::accepted, phase::banner, phase::key_exchange, phase::authentication,
                     phase::channel_open, phase::exec_request, phase::command);
  auto how = GENERATE(breakage::silence, breakage::reset, breakage::close, breakage::disconnect);
  CAPTURE(static_cast<int>(at), static_cast<int>(how));
  fake_counters c;
  auto start = std::chrono::steady_clock::now();
  // libssh's blocking client waits on after a disconnect, too.
  const auto patience = how == breakage::silence ? short_patience : how == breakage::disconnect ? 2s : 10s;
  auto error = error_when(broken_at(at, how), patience, c);
  auto took = std::chrono::steady_clock::now() - start;
  CAPTURE(error);
  CHECK(error != "");
  if (how == breakage::silence)
    CHECK(took >= short_patience);
  else if (how != breakage::disconnect)
    CHECK(took < 10s);
  CHECK(c.handshakes == (at >= phase::authentication));
  CHECK(c.logins == (at >= phase::channel_open));
  CHECK(c.channels_opened == (at >= phase::exec_request));
  CHECK(c.commands_ended == 0);
  const bool says_so = how == breakage::disconnect && at >= phase::authentication;
  if (at != phase::command) // there the client is writing, and may hear the reset first
    CHECK((error.find("told to disconnect") != std::string::npos) == says_so);
}

TEST_CASE("a command that breaks in the middle has sent its first output", "[fake]") {
  fake_sshd sshd{broken_at(phase::command, breakage::silence)};
  plain_client client{short_patience};
  REQUIRE(reach(client, sshd) == "");
  auto result = client.run("echo before; hang");
  CHECK(result.out == "before\n");
  CHECK(result.status == -1);
  CHECK(result.error != "");
}

TEST_CASE("the fake sshd's banner comes late, after other lines, overlong, or from another world", "[fake]") {
  fake_sshd sshd;
  plain_client client{short_patience};
  sshd.set([](auto& f) { f.banner_delay = 60s; });
  CHECK(client.connect(sshd.host(), sshd.port()) != "");
  sshd.set([](auto& f) {
    f = {}, f.banner_delay = 30ms, f.lines_before_banner = "Welcome\r\nto the machine\r\n";
  });
  plain_client patient;
  CHECK(reach(patient, sshd) == "");
  sshd.set([](auto& f) { f = {}, f.foreign_banner = "HTTP/1.1 400 Bad Request\r\n\r\n"; });
  CHECK(client.connect(sshd.host(), sshd.port()) != "");
  sshd.set([](auto& f) { f = {}, f.foreign_banner = "SSH-2.0-" + std::string(5000, 'x') + "\r\n"; });
  CHECK(client.connect(sshd.host(), sshd.port()) != "");
  client.drop();
  patient.disconnect();
  CHECK(sshd.wait_until([](const auto& c) { return c.open == 0; }));
  CHECK(sshd.counters().handshakes == 1);
}

TEST_CASE("the fake sshd takes keys, passwords and answers, right ones only", "[fake]") {
  fake_sshd sshd;
  plain_client client;
  sshd.set(
      [](auto& f) { f.password = f.keyboard_interactive = true, f.keys_accepted = {"ssh-ed25519 AAAA"}; });
  REQUIRE(client.connect(sshd.host(), sshd.port()) == "");
  CHECK(client.methods() == "publickey,password,keyboard-interactive");
  CHECK(client.login_with_new_key() == "denied");
  CHECK(client.login_with_password("wrong") == "denied");
  CHECK(client.login_with_answers({"wrong"}) == "denied");
  CHECK(client.login_with_password("open sesame") == "");
  CHECK(client.run("true").status == 0);
  auto c = sshd.counters();
  CHECK(c.auth_denials == 3);
  CHECK(c.logins == 1);
  plain_client second;
  REQUIRE(second.connect(sshd.host(), sshd.port()) == "");
  CHECK(second.login_with_answers({"open sesame"}) == "");
  sshd.set([](auto& f) { f = {}, f.user_expected = "somebody"; });
  plain_client third;
  CHECK(reach(third, sshd) == "denied");
}

TEST_CASE("the fake sshd asks for a key and then a password when told to", "[fake]") {
  fake_faults faults;
  faults.auth_chain = {"publickey", "password"};
  fake_sshd sshd{faults};
  plain_client client;
  REQUIRE(client.connect(sshd.host(), sshd.port()) == "");
  CHECK(client.methods() == "publickey");
  CHECK(client.login_with_new_key() == "partial");
  CHECK(client.login_with_password("open sesame") == "");
  CHECK(client.run("true").status == 0);
}

TEST_CASE("the fake sshd cuts off after six tries, answers late, and leaves a log-in unanswered", "[fake]") {
  fake_sshd sshd;
  sshd.set([](auto& f) { f.password = true; });
  plain_client client{2s}; // libssh's blocking client waits on after a DISCONNECT
  REQUIRE(client.connect(sshd.host(), sshd.port()) == "");
  for (int i = 0; i < 5; ++i)
    CHECK(client.login_with_password("wrong") == "denied");
  auto cut_off = client.login_with_password("wrong");
  CHECK(cut_off.find("Too many authentication failures") != std::string::npos);
  sshd.set([](auto& f) { f = {}, f.auth_delay = 30ms; });
  auto start = std::chrono::steady_clock::now();
  CHECK(reach(client, sshd) == "");
  CHECK(std::chrono::steady_clock::now() - start >= 30ms);
  sshd.set([](auto& f) { f = {}, f.auth = reply::never; });
  plain_client hasty{short_patience};
  CHECK(hasty.connect(sshd.host(), sshd.port()) == "");
  CHECK(hasty.login_with_new_key() != "");
  CHECK(sshd.counters().logins == 1);
}
