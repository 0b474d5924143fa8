// Key files as people have them: locked, of every kind, with certificates, unreadable, or no keys at all.
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <fstream>

#include <catch2/catch.hpp>

#include "runtime/ssh/login/accepted.hpp"
#include "runtime/ssh/login/attempts.hpp"
#include "runtime/ssh/login/considered_keys.hpp"
#include "runtime/ssh/login/credentials.hpp"
#include "runtime/ssh/login/offers.hpp"
#include "runtime/system/account.hpp"
#include "runtime/system/base64.hpp"
#include "tests/support/process_tree.hpp"
#include "tests/support/real_sshd.hpp"

namespace moorage::support {

namespace {

using Catch::Matchers::Contains;

void write_file(const std::string& path, const std::string& text) {
  std::ofstream{path, std::ios::binary} << text;
  ::chmod(path.c_str(), 0600);
}

std::string make_key(const std::string& path, const std::string& type, const std::string& passphrase = "",
                     const std::vector<std::string>& more = {}) {
  std::vector<std::string> argv{"ssh-keygen", "-q", "-t", type, "-N", passphrase, "-C", "", "-f", path};
  if (type == "rsa")
    argv.insert(argv.end(), {"-b", "2048"});
  argv.insert(argv.end(), more.begin(), more.end());
  process_spec spec;
  spec.argv = argv;
  REQUIRE(run_to_end(spec) == 0);
  return path;
}

void certify(const std::string& authority, const std::string& key, const std::string& validity) {
  process_spec spec;
  spec.argv = {"ssh-keygen", "-q", "-s", authority, "-I", "us", "-n", "alice", "-V", validity, key + ".pub"};
  REQUIRE(run_to_end(spec) == 0);
}

} // namespace

TEST_CASE("the home folder stands for the tilde") {
  CHECK(expand_home("~/.ssh/id", "/home/u") == "/home/u/.ssh/id");
  CHECK(expand_home("~", "/home/u") == "/home/u");
  CHECK(expand_home("~other/x", "/home/u") == "~other/x");
  CHECK(expand_home("/a/~", "/home/u") == "/a/~");
}

TEST_CASE("without a home folder the tilde is no folder of the working folder, where others may make one") {
  CHECK(expand_home("~/.ssh/known_hosts", "") == "/.ssh/known_hosts");
  CHECK(expand_home("~", "") == "/");
  CHECK(expand_home("x", "") == "x");
}

TEST_CASE("base64 comes back as it went, and rubbish is none") {
  for (std::string bytes : {"", "a", "ab", "abc", "abcd", "\xff\xfe\xfd\xfc\xfb"}) {
    CHECK(from_base64(to_base64(bytes)) == bytes);
    auto bare = to_base64(bytes);
    while (bare.ends_with('='))
      bare.pop_back();
    CHECK(from_base64(bare) == bytes);
  }
  CHECK(to_base64("abcd") == "YWJjZA==");
  CHECK_FALSE(from_base64("a"));
  CHECK_FALSE(from_base64("ab!d"));
  CHECK_FALSE(from_base64("ab=d"));
}

TEST_CASE("keys of every kind load, in OpenSSH's form and in PEM") {
  scratch_folder folder;
  auto type = GENERATE(as<std::string>(), "ed25519", "ecdsa", "rsa");
  auto file = load_key(make_key(folder / "key", type), true, nullptr);
  CHECK(file.problem.empty());
  REQUIRE(file.private_key);
  CHECK_FALSE(file.blob.empty());
  if (type != "ed25519") {
    auto pem = load_key(make_key(folder / "pem", type, "", {"-m", "PEM"}), true, nullptr);
    CHECK(pem.problem.empty());
    CHECK(pem.private_key);
  }
}

TEST_CASE("a locked key opens with its passphrase only, and tells its public part without it") {
  scratch_folder folder;
  auto type = GENERATE(as<std::string>(), "ed25519", "ecdsa", "rsa");
  auto path = make_key(folder / "key", type, "open sesame");
  auto opened = [&] {
    secret word{"open sesame"};
    return load_key(path, true, &word);
  }();
  CHECK(opened.problem.empty());
  REQUIRE(opened.private_key);
  ::unlink((path + ".pub").c_str());
  auto locked = load_key(path, true, nullptr);
  CHECK_FALSE(locked.private_key);
  CHECK_THAT(locked.problem, Contains(path) && Contains("locked by a passphrase"));
  CHECK(advice_for(locked) == "ssh-add " + path + ", so that the agent has it");
  // Where nobody gives secrets, advice to name one leads nowhere.
  CHECK_THAT(locked.problem, !Contains("passphrase_secret"));
  CHECK_THAT(advice_for(load_key(path, true, nullptr, true)), Contains("passphrase_secret"));
  CHECK(locked.blob == opened.blob);
  REQUIRE(locked.public_key);
  secret guess{"guess"};
  auto wrong = load_key(path, true, &guess);
  CHECK_FALSE(wrong.private_key);
  CHECK_THAT(wrong.problem, Contains("the passphrase is wrong"));
}

TEST_CASE("a locked PEM key is told from a damaged one, and OpenSSL asks nobody for its passphrase") {
  scratch_folder folder;
  auto path = make_key(folder / "pem", "rsa", "open sesame", {"-m", "PEM"});
  CHECK_THAT(load_key(path, true, nullptr).problem, Contains("locked by a passphrase"));
  secret word{"open sesame"};
  CHECK(load_key(path, true, &word).private_key);
}

TEST_CASE("what is no key says what it is") {
  scratch_folder folder;
  auto path = folder / "key";
  SECTION("missing") {
    CHECK_THAT(load_key(path, true, nullptr).problem, Contains(path + " does not exist"));
  }
  SECTION("rubbish") {
    write_file(path, "no key at all");
    CHECK_THAT(load_key(path, true, nullptr).problem, Contains("holds no private key"));
  }
  SECTION("empty") {
    write_file(path, "");
    CHECK_THAT(load_key(path, true, nullptr).problem, Contains("holds no private key"));
  }
  SECTION("a folder") {
    ::mkdir(path.c_str(), 0700);
    CHECK_THAT(load_key(path, true, nullptr).problem, Contains("not an ordinary file"));
  }
  SECTION("a FIFO, which would never end") {
    ::mkfifo(path.c_str(), 0600);
    CHECK_THAT(load_key(path, true, nullptr).problem, Contains("not an ordinary file"));
  }
  SECTION("huge") {
    write_file(path, std::string(1u << 20, 'x'));
    CHECK_THAT(load_key(path, true, nullptr).problem, Contains("larger than"));
  }
  SECTION("readable by others") {
    make_key(path, "ed25519");
    ::chmod(path.c_str(), 0644);
    auto file = load_key(path, true, nullptr);
    CHECK_FALSE(file.private_key);
    CHECK_THAT(file.problem, Contains("can be read by others"));
  }
  SECTION("cut short") {
    make_key(path, "ed25519");
    ::truncate(path.c_str(), 150);
    auto file = load_key(path, true, nullptr);
    CHECK_FALSE(file.private_key);
    CHECK_FALSE(file.problem.empty());
  }
}

TEST_CASE("a key file damaged anywhere never crashes the reader") {
  scratch_folder folder;
  std::ifstream in{make_key(folder / "key", "ed25519", "word")};
  std::string whole{std::istreambuf_iterator<char>{in}, {}};
  std::uint32_t random = 12345;
  for (int round = 0; round < 200; ++round) {
    auto text = whole;
    for (int i = 0; i < 3; ++i) {
      random = random * 1664525 + 1013904223;
      text[random % text.size()] = static_cast<char>(random >> 24);
    }
    write_file(folder / "damaged", text);
    load_key(folder / "damaged", true, nullptr);
  }
}

TEST_CASE("a certificate beside its key is used, unless it has run out or certifies another key") {
  scratch_folder folder;
  auto type = GENERATE(as<std::string>(), "ed25519", "ecdsa", "rsa");
  auto authority = make_key(folder / "ca", "ed25519");
  auto path = make_key(folder / "key", type);
  SECTION("valid") {
    certify(authority, path, "-1h:+1h");
    auto file = load_key(path, true, nullptr);
    CHECK(file.certificate_problem.empty());
    CHECK(file.certificate);
  }
  SECTION("for ever") {
    certify(authority, path, "always:forever");
    CHECK(load_key(path, true, nullptr).certificate);
  }
  SECTION("expired") {
    certify(authority, path, "-2h:-1h");
    auto file = load_key(path, true, nullptr);
    CHECK_FALSE(file.certificate);
    CHECK(file.private_key);
    CHECK_THAT(file.certificate_problem, Contains("has expired, on 20") && Contains(" UTC (key id '"));
  }
  SECTION("of another key") {
    auto other = make_key(folder / "other", type);
    certify(authority, other, "-1h:+1h");
    ::rename((other + "-cert.pub").c_str(), (path + "-cert.pub").c_str());
    CHECK_THAT(load_key(path, true, nullptr).certificate_problem, Contains("certifies another key"));
  }
  SECTION("in the place of the public key") {
    certify(authority, path, "-1h:+1h");
    ::rename((path + "-cert.pub").c_str(), (path + ".pub").c_str());
    auto file = load_key(path, true, nullptr);
    CHECK(file.certificate_problem.empty());
    CHECK(file.certificate);
    CHECK(file.private_key);
  }
  SECTION("rubbish") {
    write_file(path + "-cert.pub", "ssh-ed25519-cert-v01@openssh.com AAAA");
    CHECK_THAT(load_key(path, true, nullptr).certificate_problem, Contains("no user's certificate"));
  }
}

TEST_CASE(
    "where certificates alone are accepted there is something to log in with, and the key is left out") {
  scratch_folder folder;
  auto type = GENERATE(as<std::string>(), "ed25519", "ecdsa", "rsa");
  auto path = make_key(folder / "key", type);
  certify(make_key(folder / "ca", "ed25519"), path, "-1h:+1h");
  credentials with;
  with.files.push_back(load_key(path, true, nullptr));
  std::erase_if(with.accepted,
                [](const std::string& each) { return each.find("-cert-") == std::string::npos; });
  leave_out_unaccepted(with);
  CHECK(with.files[0].trouble == key_trouble::not_accepted);
  CHECK(nothing_to_offer(with).text == "");
  CHECK(offers_of_files(with).size() == 1);
  with.accepted = {"ssh-dss"};
  leave_out_unaccepted(with);
  CHECK_THAT(nothing_to_offer(with).text, Contains("does not have"));
}

TEST_CASE("only the usual key files that exist are loaded when none is listed") {
  scratch_folder home;
  ::mkdir((home / ".ssh").c_str(), 0700);
  make_key(home / ".ssh/id_rsa", "rsa");
  make_key(home / ".ssh/id_ed25519", "ed25519");
  auto files = load_keys({}, home.path(), nullptr, abandonment{{}});
  REQUIRE(files.size() == 2);
  CHECK(files[0].path == home / ".ssh/id_ed25519");
  CHECK(files[1].path == home / ".ssh/id_rsa");
  CHECK_FALSE(files[0].listed);
  cluster_settings of_none;
  of_none.key_files = {"none"};
  CHECK(load_keys(of_none, home.path(), nullptr, abandonment{{}}).empty());
  of_none.key_files.push_back("~/.ssh/id_rsa");
  REQUIRE(load_keys(of_none, home.path(), nullptr, abandonment{{}}).size() == 1);
}

} // namespace moorage::support
