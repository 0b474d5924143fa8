// known_hosts files on disk: read whole or not at all, a new key written down under the lock or kept in
// memory.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>

#include <catch2/catch.hpp>

#include "runtime/ssh/opening/host_key_memory.hpp"
#include "runtime/ssh/wire.hpp"
#include "runtime/system/base64.hpp"
#include "tests/support/real_sshd.hpp"

namespace moorage::support {

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

host_key known_of(char fill) {
  std::string blob;
  append_string(blob, "ssh-ed25519");
  append_string(blob, std::string(32, fill));
  return {"ssh-ed25519", to_base64(blob)};
}

const host_key new_a = known_of('a');
const host_key new_b = known_of('b');

std::string written_line(const std::string& hosts, const host_key& key) {
  return hosts + " " + key.type + " " + key.base64;
}

void write_all(const std::string& file, const std::string& text) {
  std::ofstream{file, std::ios::binary} << text;
}

known_hosts known_from(const std::vector<std::string>& files) {
  return read_known_hosts("lumi", 22, files);
}

/// While it lives we are a user whom the modes of files concern. root is nobody meanwhile.
class ordinary_user {
public:
  ordinary_user() {
    if (was_ == 0)
      REQUIRE(::seteuid(65534) == 0);
  }
  ~ordinary_user() {
    if (was_ == 0 && ::seteuid(was_) != 0)
      std::abort();
  }
  ordinary_user(const ordinary_user&) = delete;
  ordinary_user& operator=(const ordinary_user&) = delete;

private:
  const uid_t was_ = ::geteuid();
};

} // namespace

TEST_CASE("a new key is written down once, to a file and folder that only the user can read") {
  scratch_folder folder;
  const auto file = folder / ".ssh/known_hosts";
  CHECK(write_known_host(known_from({file}), new_a, 0ms).problem.empty());
  CHECK(write_known_host(known_from({file}), new_a, 0ms).problem.empty());
  CHECK(contents_of(file) == written_line("lumi", new_a) + "\n");
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  REQUIRE(::stat((folder / ".ssh").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
}

TEST_CASE("a new key starts a line of its own, though the file's last one was not ended") {
  scratch_folder folder;
  const auto file = folder / "known_hosts";
  write_all(file, written_line("puhti", new_b));
  CHECK(write_known_host(known_from({file}), new_a, 0ms).problem.empty());
  CHECK(contents_of(file) == written_line("puhti", new_b) + "\n" + written_line("lumi", new_a) + "\n");
}

TEST_CASE("with hash_known_hosts a new key's line tells no name, and is ssh's and ours to find") {
  scratch_folder folder;
  const auto file = folder / "known_hosts";
  auto known = read_known_hosts("lumi", 2222, {file});
  known.hash_names = true;
  REQUIRE(write_known_host(known, new_a, 1s).problem.empty());
  REQUIRE(write_known_host(read_known_hosts("lumi", 2222, {file}), new_a, 1s).problem.empty()); // known
  const auto text = contents_of(file);
  CHECK_THAT(text, StartsWith("|1|") && EndsWith(" " + new_a.type + " " + new_a.base64 + "\n"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK(read_known_hosts("lumi", 2222, {file}).entries.size() == 1);
  CHECK(read_known_hosts("lumi", 22, {file}).entries.empty());
  CHECK(run_to_end({{"ssh-keygen", "-F", "[lumi]:2222", "-f", file}, {}, {}, -1, -1}) == 0);
  CHECK(hashed_name("lumi") != hashed_name("lumi")); // each has a salt of its own
}

TEST_CASE("nothing is written without the file's lock, and it is not waited for beyond the patience") {
  scratch_folder folder;
  const auto file = folder / "known_hosts";
  held_lock held{file};
  auto known = known_from({file});
  auto result = write_known_host(known, new_a, 50ms);
  CHECK_THAT(result.problem, Contains(file) && Contains("locked by another program"));
  CHECK(contents_of(file).empty());
}

TEST_CASE("a lock that comes free within the patience is taken") {
  scratch_folder folder;
  const auto file = folder / "known_hosts";
  auto held = std::make_unique<held_lock>(file);
  auto written =
      std::async(std::launch::async, [&] { return write_known_host(known_from({file}), new_a, 60s); });
  held = nullptr;
  CHECK(written.get().problem.empty());
  CHECK(contents_of(file) == written_line("lumi", new_a) + "\n");
}

TEST_CASE("a key that another process wrote down first makes a second one a changed key") {
  scratch_folder folder;
  const auto file = folder / "known_hosts";
  auto early = known_from({file}); // read before the other wrote
  write_all(file, written_line("lumi", new_b) + "\n");
  auto result = write_known_host(early, new_a, 0ms);
  CHECK(result.error.kind == ssh_failure::host_key_changed);
  write_all(file, "@revoked " + written_line("*", new_a) + "\n");
  CHECK(write_known_host(early, new_a, 0ms).error.kind == ssh_failure::host_key_revoked);
  CHECK_FALSE(Contains(written_line("lumi", new_a)).match(contents_of(file)));
}

TEST_CASE("a key that cannot be written down is a problem in words, and leaves nothing behind") {
  scratch_folder folder;
  CHECK_THAT(write_known_host(known_from({"/proc/no/such/folder/known_hosts"}), new_a, 0ms).problem,
             Contains("/proc/no/such"));
  CHECK_THAT(write_known_host(known_from({"/dev/null"}), new_a, 0ms).problem, Contains("/dev/null is not"));
  CHECK_THAT(write_known_host(known_from({"/dev/full"}), new_a, 0ms).problem, Contains("/dev/full is not"));
  const auto damaged = folder / "damaged";
  auto known = known_from({damaged});
  write_all(damaged, std::string("a\0b\n", 4));
  CHECK_THAT(write_known_host(known, new_a, 0ms).problem, Contains("NUL"));
  CHECK(contents_of(damaged) == std::string("a\0b\n", 4));
}

TEST_CASE("a known_hosts file is read whole or refused with the reason and the size that is read") {
  scratch_folder folder;
  const auto file = folder / "known_hosts";
  SECTION("a folder") {
    ::mkdir(file.c_str(), 0700);
    auto known = known_from({folder / "missing", file});
    REQUIRE(known.problems.size() == 1);
    CHECK_THAT(known.problems[0].text, Contains("known_hosts is not an ordinary file"));
  }
  SECTION("one that never ends") {
    CHECK_THAT(known_from({"/dev/zero"}).problems.at(0).text, Contains("/dev/zero is not an ordinary file"));
  }
  SECTION("one that keeps nothing, by another name") {
    REQUIRE(::symlink("/dev/null", file.c_str()) == 0);
    CHECK(known_from({file}).problems.empty());
    CHECK(known_from({folder / "missing", file}).keep_nothing == std::vector{file});
  }
  SECTION("a pipe") {
    REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
    CHECK(known_from({file}).problems.size() == 1);
  }
  SECTION("one that is too large") {
    write_all(file, written_line("lumi", new_a) + "\n");
    REQUIRE(::truncate(file.c_str(), known_hosts_size_max + 1) == 0);
    auto known = known_from({file});
    REQUIRE(known.problems.size() == 1);
    CHECK_THAT(known.problems[0].text, Contains(std::to_string(known_hosts_size_max)));
    CHECK(known.entries.empty());
  }
  SECTION("one with a NUL in a line") {
    write_all(file, "# one\n" + std::string("lumi\0 x\n", 8) + written_line("lumi", new_a) + "\n");
    auto known = known_from({file});
    REQUIRE(known.problems.size() == 1);
    CHECK_THAT(known.problems[0].text, Contains("line 2 has a NUL"));
  }
  for (auto policy : {host_key_policy::strict, host_key_policy::accept_new, host_key_policy::off}) {
    auto known = known_from({folder / "missing", file, "/dev/zero"});
    auto verdict = judge_host_key(known, new_a, policy);
    CHECK_FALSE(verdict.accepted);
    CHECK(verdict.error.kind == ssh_failure::known_hosts_unreadable);
    CHECK(unreadable_known_hosts(known).kind == ssh_failure::known_hosts_unreadable);
  }
}

TEST_CASE(
    "a known_hosts file that the system does not let us read is never one that does not know the host") {
  scratch_folder folder;
  const auto below = folder / "below";
  const auto file = below + "/known_hosts";
  REQUIRE(::chmod(folder.path().c_str(), 0711) == 0);
  REQUIRE(::mkdir(below.c_str(), 0711) == 0);
  write_all(file, written_line("lumi", new_a) + "\n");
  const auto forbid = [](const std::string& what) { REQUIRE(::chmod(what.c_str(), 0) == 0); };
  SECTION("by the file's mode") {
    forbid(file);
  }
  SECTION("by the folder's") {
    forbid(below);
  }
  const auto known = [&] {
    ordinary_user self;
    return known_from({file});
  }();
  ::chmod(below.c_str(), 0711); // to be removed
  REQUIRE(known.problems.size() == 1);
  CHECK_THAT(known.problems[0].text, Contains(file + " cannot be read: Permission denied"));
  CHECK(known.problems[0].forbidden);
  for (const auto& shown : {new_a, new_b})
    for (auto policy : {host_key_policy::strict, host_key_policy::accept_new, host_key_policy::off}) {
      const auto verdict = judge_host_key(known, shown, policy);
      CHECK_FALSE(verdict.accepted);
      CHECK(verdict.state == host_key_state::unreadable);
      CHECK(verdict.error.kind == ssh_failure::known_hosts_unreadable);
    }
}

TEST_CASE("a file that hides its size is read to its end") {
  // The kernel says of such files that they have no bytes.
  auto known = known_from({"/proc/self/cmdline"});
  REQUIRE(known.problems.size() == 1);
  CHECK_THAT(known.problems[0].text, Contains("NUL"));
}

TEST_CASE("missing files and the null device know nothing, and are no problem") {
  scratch_folder folder;
  write_all(folder / "file", "");
  auto known = known_from({folder / "missing", folder / "file/below", "/dev/null"});
  CHECK(known.problems.empty());
  CHECK(judge_host_key(known, new_a, host_key_policy::accept_new).accepted);
}

TEST_CASE("a key that was accepted and not written down is remembered, and a changed one refused") {
  scratch_folder folder;
  const auto file = folder / "known_hosts";
  host_key_memory memory;
  auto known = known_from({file});
  auto first = memory.judge(known, new_a, host_key_policy::accept_new);
  CHECK(first.accepted);
  CHECK(first.to_write);
  SECTION("by the next opening") {
    known = known_from({file});
    memory.add_to(known);
    auto again = judge_host_key(known, new_a, host_key_policy::accept_new);
    CHECK(again.state == host_key_state::known);
    CHECK(again.to_write);
    CHECK_THAT(again.text, Contains("in this process's memory"));
    auto changed = judge_host_key(known, new_b, host_key_policy::accept_new);
    CHECK(changed.error.kind == ssh_failure::host_key_changed);
    CHECK_THAT(changed.error.text,
               Contains("in this process's memory") && !Contains("ssh-keygen -R") && Contains(">> " + file));
  }
  SECTION("by one that read the files at the same time") {
    CHECK(memory.judge(known, new_a, host_key_policy::accept_new).accepted);
    CHECK(memory.judge(known, new_b, host_key_policy::accept_new).state == host_key_state::changed);
  }
  SECTION("until it is written down") {
    memory.forget(known);
    CHECK(memory.judge(known, new_b, host_key_policy::accept_new).accepted);
  }
  SECTION("until the file knows the host: that holds then") {
    write_all(file, written_line("lumi", new_b) + "\n");
    known = known_from({file});
    memory.add_to(known);
    CHECK(judge_host_key(known, new_b, host_key_policy::accept_new).state == host_key_state::known);
    CHECK(judge_host_key(known, new_a, host_key_policy::accept_new).state == host_key_state::changed);
  }
  SECTION("for that host, port and file only") {
    for (auto other : {read_known_hosts("lumi", 2222, {file}), read_known_hosts("puhti", 22, {file}),
                       known_from({folder / "another"})})
      CHECK(memory.judge(other, new_b, host_key_policy::accept_new).accepted);
  }
}

TEST_CASE("of many connections that meet a host at once, with two keys in play, one key wins") {
  scratch_folder folder;
  const auto known = known_from({folder / "known_hosts"});
  host_key_memory memory;
  std::vector<std::future<bool>> asked;
  asked.reserve(16);
  for (int i = 0; i < 16; ++i)
    asked.push_back(std::async(std::launch::async, [&, i] {
      return memory.judge(known, i % 2 == 0 ? new_a : new_b, host_key_policy::accept_new).accepted;
    }));
  int accepted[2] = {0, 0};
  for (int i = 0; i < 16; ++i)
    accepted[i % 2] += asked[static_cast<std::size_t>(i)].get();
  CHECK(std::max(accepted[0], accepted[1]) == 8);
  CHECK(std::min(accepted[0], accepted[1]) == 0);
}

} // namespace moorage::support
