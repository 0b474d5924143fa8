// What cannot be read for a moment, for want of descriptors or of an answer, fails a log-in and latches
// nothing.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "runtime/system/account.hpp"
#include "runtime/system/passing.hpp"
#include "runtime/system/threads.hpp"
#include "tests/ssh/transport_driver.hpp"

namespace moorage::test {

using Catch::Matchers::Contains;
using support::fake_sshd;

namespace {

/// Nobody else may open a file while it lives, so only calls that do nothing else are made meanwhile.
class no_descriptors {
public:
  no_descriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none{0, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~no_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  no_descriptors(const no_descriptors&) = delete;

private:
  rlimit before_{};
};

class memory_limit {
public:
  explicit memory_limit(std::size_t room) {
    ::getrlimit(RLIMIT_AS, &before_);
    std::size_t pages = 0;
    std::ifstream{"/proc/self/statm"} >> pages;
    rlimit now{pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + room, before_.rlim_max};
    ::setrlimit(RLIMIT_AS, &now);
  }
  ~memory_limit() { ::setrlimit(RLIMIT_AS, &before_); }
  memory_limit(const memory_limit&) = delete;

private:
  rlimit before_{};
};

/// An ordinary file that the kernel opens, and then fails to read with EIO.
constexpr const char* unreadable_for_now = "/proc/self/mem";

/// Puts such a file in the place of another, which is returned.
std::string hide(const std::string& file) {
  auto aside = file + ".aside";
  if (std::filesystem::exists(file))
    std::filesystem::rename(file, aside);
  std::filesystem::create_symlink(unreadable_for_now, file);
  return aside;
}

} // namespace

TEST_CASE("what may be over the next time is told from what lasts") {
  for (auto error : {EMFILE, ENFILE, ENOMEM, EIO, ETIMEDOUT, ESTALE, EINTR})
    CHECK(is_passing(error));
  for (auto error : {0, ENOENT, ENOTDIR, EACCES, EPERM, ELOOP, ENAMETOOLONG, EISDIR})
    CHECK_FALSE(is_passing(error));
  CHECK_THAT(advice_on_passing(EMFILE), Contains("ulimit -n"));
  CHECK_THAT(advice_on_passing(ENFILE), Contains("fs.file-max"));
}

TEST_CASE("a file that cannot be read for a moment fails the log-in, is named, and latches nothing",
          "[transport]") {
  fake_sshd server;
  world around;
  auto settings = around.settings_for(server);
  settings.strict_host_keys =
      GENERATE(host_key_policy::strict, host_key_policy::accept_new, host_key_policy::off);
  std::string file;
  SECTION("of known hosts") {
    file = settings.known_hosts_files.front();
  }
  SECTION("a key") {
    file = settings.key_files.front();
  }
  SECTION("a certificate of one that can be read") {
    file = settings.key_files.front() + "-cert.pub";
  }
  SECTION("a key beside another that would be denied") {
    file = around.home / "other";
    settings.key_files.push_back(file);
  }
  const bool was_there = std::filesystem::exists(file);
  auto aside = hide(file);
  driven link{around, settings};
  CHECK_FALSE(link.open());
  REQUIRE(link.failed);
  INFO(link.failed->text);
  CHECK(link.failed->stage ==
        (file == settings.known_hosts_files.front() ? ssh_stage::host_key : ssh_stage::prepare));
  CHECK(link.failed->kind == ssh_failure::descriptor_limit);
  CHECK_FALSE(is_latching(link.failed->kind));
  CHECK(refusal_for(link.failed->kind) == errc::local_failure);
  CHECK_THAT(link.failed->text, Contains(file + " cannot be read: Input/output error") &&
                                    Contains("the next log-in tries again"));
  CHECK(server.counters().connects == 0);

  std::filesystem::remove(file);
  if (was_there)
    std::filesystem::rename(aside, file);
  else if (settings.key_files.size() > 1)
    settings.key_files.pop_back();
  driven again{around, settings};
  CHECK(again.open());
}

TEST_CASE("short of descriptors nothing is taken for absent") {
  constexpr uid_t nobodys = 4'000'000'000; // root may be known without a file
  support::scratch_folder folder;
  std::ofstream{folder / "known_hosts"} << "";
  const std::vector<std::string> files{folder / "known_hosts"};
  known_hosts known;
  key_file key;
  user_account self;
  agent_connection agent;
  {
    no_descriptors now;
    known = read_known_hosts("lumi", 22, files);
    key = load_key(files.front(), true, nullptr);
    self = user_account_of(nobodys);
    agent = connect_agent(folder / "agent");
  }
  REQUIRE(known.problems.size() == 1);
  CHECK(known.problems.front().passing == EMFILE);
  CHECK_THAT(unreadable_known_hosts(known).text, Contains("Too many open files") && Contains("ulimit -n"));
  CHECK_THAT(key.passing, Contains(files.front() + " cannot be read: Too many open files"));
  CHECK(agent.passing);
  CHECK_FALSE(agent.absent);
  CHECK_THAT(agent.problem, Contains("Too many open files") && Contains("the next log-in tries again"));
  agent = connect_agent(folder / "agent");
  CHECK(agent.absent);
  CHECK_FALSE(agent.passing);
  CHECK(self.name.empty());
  CHECK(self.error == EMFILE);
  CHECK(user_account_of(nobodys).error == 0);
}

TEST_CASE("a password database that cannot be asked is told as that, where it matters") {
  cluster_settings settings;
  surroundings around;
  const auto asked = [&] { return who_we_are(settings, around, user_account{{}, {}, EMFILE}); };
  SECTION("for the user's name") {
    around.home = "/home/somebody";
  }
  SECTION("for the home folder that the files are in") {
    around.user = "somebody";
  }
  auto self = asked();
  CHECK(self.error.stage == ssh_stage::prepare);
  CHECK(self.error.kind == ssh_failure::descriptor_limit);
  CHECK_THAT(self.error.text, Contains("password database: Too many open files"));
  settings.user = "somebody";
  settings.known_hosts_files = {"/etc/known"};
  settings.key_files = {"/etc/key"};
  CHECK_FALSE(asked().error);
}

TEST_CASE("where memory is what threads are short of, it is named") {
  if (!std::string_view{MOORAGE_SANITIZE}.empty())
    return; // a sanitizer's shadow is larger than any such limit
  failure told;
  {
    memory_limit now{100u << 20};
    told = check_threads(200);
  }
  CHECK(told.code == errc::local_failure);
  INFO(told.text);
  CHECK_THAT(told.text, Contains("ulimit -v") && Contains("ulimit -u"));
  {
    memory_limit now{1u << 20};
    told = check_threads(1u << 30); // not even their list finds room
  }
  CHECK_THAT(told.text, Contains("only 0 more threads") && Contains("ulimit -v"));
  CHECK(check_threads(2).code == errc::none);
}

} // namespace moorage::test
