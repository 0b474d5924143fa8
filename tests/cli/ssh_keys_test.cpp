// Keys and certificates that the words of `moorage ssh` name, beside those of the cluster.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include "deploy/moorage/ssh_keys.hpp"
#include "runtime/system/program_output.hpp"
#include "tests/support/between.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace moorage;
using namespace moorage::cli;
using Catch::Contains;

namespace {

using texts = std::vector<std::string>;

struct keys_of_words {
  keys_of_words() {
    for (const auto* each : {"own", "mine", "mine-cert.pub"})
      std::ofstream{folder / each};
    meant.settings.key_files = {folder / "own"};
  }
  failure set(const texts& words) {
    auto all = words;
    all.emplace_back("lumi");
    auto [call, complaint] = parse_ssh(all);
    REQUIRE(complaint.empty());
    return set_keys(call, meant);
  }
  std::string file(const std::string& name) const { return folder / name; }

  support::scratch_folder folder;
  cluster_config meant;
};

} // namespace

TEST_CASE("a certificate among ssh's words is added to the cluster's keys, whatever it is worth") {
  keys_of_words keys;
  CHECK(keys.set({"-o", "CertificateFile=" + keys.file("mine-cert.pub")}).code == errc::none);
  CHECK(keys.meant.settings.key_files == texts{keys.file("own"), keys.file("mine-cert.pub")});
  CHECK(keys.meant.passed_over.empty());
  keys_of_words without;
  CHECK(without.set({"-o", "CertificateFile=" + without.file("gone")}).code == errc::none);
  CHECK(without.meant.settings.key_files == texts{without.file("own")});
  CHECK(without.meant.passed_over ==
        texts{"CertificateFile: " + without.file("gone") + " is not there (No such file or directory)"});
}

TEST_CASE(
    "keys among ssh's words stand in the place of a table's, once one of them can be read, and before a "
    "Host's") {
  keys_of_words keys;
  CHECK(
      keys.set({"-i", keys.file("gone"), "-o", "IdentityFile=" + keys.folder.path(), "-i", keys.file("mine")})
          .code == errc::none);
  CHECK(keys.meant.settings.key_files == texts{keys.file("mine")});
  CHECK(keys.meant.passed_over ==
        texts{"-i: " + keys.file("gone") + " is not there (No such file or directory)",
              "IdentityFile: " + keys.folder.path() + " is not a regular file"});
  keys_of_words own;
  CHECK(own.set({"-i", own.file("gone"), "-o", "IdentitiesOnly=yes"}).code == errc::none);
  CHECK(own.meant.settings.key_files == texts{own.file("own")});
  CHECK(own.meant.settings.agent);
  keys_of_words host;
  host.meant.note_origin("key_files", {setting_origin::source::ssh_config, 0});
  CHECK(host.set({"-i", host.file("mine"), "-i", host.file("own")}).code == errc::none);
  CHECK(host.meant.settings.key_files == texts{host.file("mine"), host.file("own")});
  keys_of_words first;
  first.meant.note_origin("key_files", {setting_origin::source::ssh_config, 0});
  CHECK(first.set({"-i", first.file("mine")}).code == errc::none);
  CHECK(first.meant.settings.key_files == texts{first.file("mine"), first.file("own")});
}

TEST_CASE("tokens and variables of an option's file are expanded as in ssh's files, of -i they are not") {
  keys_of_words keys;
  keys.meant.settings.host = "login.example";
  keys.meant.settings.port = 2200;
  keys.meant.settings.user = "sci";
  keys.meant.settings.host_key_alias = GENERATE("lumi.alias", "");
  const auto alias = keys.meant.settings.host_key_alias.empty() ? "lumi" : "lumi.alias";
  const auto name = std::string{"lumi login.example 2200 sci "} + alias + " %";
  for (const auto& each : {name, name + "-cert.pub", std::string{"%n"}})
    std::ofstream{keys.folder / each};
  setenv("MOORAGE_TEST_FOLDER", keys.folder.path().c_str(), 1);
  const std::string tokens = "${MOORAGE_TEST_FOLDER}/%n %h %p %r %k %%";
  CHECK(keys.set({"-o", "IdentityFile=\"" + tokens + "\"", "-o",
                  "CertificateFile=\"" + tokens + "-cert.pub\"", "-i", keys.file("%n")})
            .text == "");
  CHECK(keys.meant.settings.key_files ==
        texts{keys.file(name), keys.file("%n"), keys.file(name + "-cert.pub")});
  unsetenv("MOORAGE_TEST_FOLDER");
  for (const auto& [file, why] : {std::pair{"%T", "%T is not known here"},
                                  {"${MOORAGE_TEST_FOLDER}", "MOORAGE_TEST_FOLDER is not set"}})
    for (const auto& option : {"IdentityFile", "CertificateFile"}) {
      auto refused = keys_of_words{}.set({"-o", std::string{option} + "=" + file});
      CHECK(refused.code == errc::invalid_settings);
      CHECK_THAT(refused.text, Contains(std::string{option} + " " + file + ": ") && Contains(why));
    }
}

TEST_CASE("%C in the name of an option's file is the digest that ssh makes of where it goes") {
  for (const auto& [host, user, port] :
       {std::tuple{"login.example", "sci", 2200}, {"login.example", "sci", 22}, {"10.0.0.7", "", 22}}) {
    INFO(host << ' ' << port);
    keys_of_words keys;
    keys.meant.settings.host = host;
    keys.meant.settings.user = user;
    keys.meant.settings.port = static_cast<std::uint16_t>(port);
    const auto to = (*user != 0 ? std::string{user} + "@" : "") + host;
    const auto said = output_of(
        {"ssh", "-F", "none", "-o", "ControlPath=/<%C>", "-O", "check", "-p", std::to_string(port), to},
        std::chrono::seconds{10});
    const auto digest = support::between(said.error_output, "<", ">");
    REQUIRE(digest.size() == 40);
    std::ofstream{keys.folder / ("to-" + digest)};
    CHECK(keys.set({"-o", "IdentityFile=" + keys.file("to-%C")}).text == "");
    CHECK(keys.meant.settings.key_files == texts{keys.file("to-" + digest)});
  }
}

TEST_CASE("known hosts and the agent of ssh's words are files with tokens and variables, too") {
  keys_of_words keys;
  keys.meant.settings.host = "login.example";
  keys.meant.settings.agent = false;
  auto set = [&keys](const texts& words) {
    auto all = words;
    all.emplace_back("lumi");
    return set_files(parse_ssh(all).call, keys.meant);
  };
  setenv("MOORAGE_TEST_AGENT", keys.file("agent").c_str(), 1);
  CHECK(set({}).code == errc::none);
  CHECK(keys.meant.settings.known_hosts_files.empty());
  CHECK_FALSE(keys.meant.settings.agent);
  CHECK(set({"-o", "UserKnownHostsFile=/k/%h /k/%n", "-o", "IdentityAgent=/run/%h"}).text == "");
  CHECK(keys.meant.settings.known_hosts_files ==
        texts{"/k/login.example", "/k/lumi", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"});
  CHECK(keys.meant.settings.agent_socket == "/run/login.example");
  CHECK(keys.meant.settings.agent);
  for (const auto* variable : {"$MOORAGE_TEST_AGENT", "${MOORAGE_TEST_AGENT}"}) {
    keys.meant.settings.agent_socket.clear();
    CHECK(set({"-o", std::string{"IdentityAgent="} + variable}).text == "");
    CHECK(keys.meant.settings.agent_socket == keys.file("agent"));
  }
  unsetenv("MOORAGE_TEST_AGENT");
  CHECK_THAT(set({"-o", "IdentityAgent=${MOORAGE_TEST_AGENT}"}).text,
             Contains("IdentityAgent ") && Contains("is not set"));
  CHECK_THAT(set({"-o", "UserKnownHostsFile=%Z"}).text, Contains("UserKnownHostsFile %Z: %Z is not known"));
  CHECK(set({"-o", "IdentityAgent=$MOORAGE_TEST_AGENT"}).text == "");
  CHECK_FALSE(keys.meant.settings.agent); // as ssh, which asks no other one then
}

TEST_CASE("a key of a Host that cannot be read is passed over once the words name one that can") {
  keys_of_words keys;
  keys.meant.settings.key_files = {keys.file("gone"), keys.file("own")};
  keys.meant.named_by = {{keys.file("gone"), "IdentityFile of 'lumi'"}};
  keys.meant.note_origin("key_files", {setting_origin::source::ssh_config, 0});
  auto without_words = keys.meant;
  CHECK(keys.set({"-i", keys.file("mine")}).code == errc::none);
  CHECK(keys.meant.settings.key_files == texts{keys.file("mine"), keys.file("own")});
  REQUIRE(keys.meant.passed_over.size() == 1);
  CHECK_THAT(keys.meant.passed_over.front(),
             Contains("IdentityFile of 'lumi': " + keys.file("gone") + " is not there"));
  // Else it is refused by its name, when the cluster is used.
  keys.meant = without_words;
  CHECK(keys.set({"-i", keys.file("lost")}).code == errc::none);
  CHECK(keys.meant.settings.key_files == texts{keys.file("gone"), keys.file("own")});
}

TEST_CASE("when nothing is left to log in with, ssh's words are refused with each that they name") {
  support::scratch_folder home;
  const std::string before = getenv("HOME");
  setenv("HOME", home.path().c_str(), 1);
  keys_of_words keys;
  keys.meant.settings.key_files.clear();
  const texts words{"-i", keys.file("gone"),   "-o", "CertificateFile=" + keys.file("lost"),
                    "-o", "IdentityAgent=none"};
  auto refused = keys.set(words);
  keys_of_words with_password;
  with_password.meant.settings.key_files.clear();
  with_password.meant.settings.password_secret = "lumi";
  CHECK(with_password.set(words).code == errc::none);
  // ssh forgets an -i that is not there, and no other file: under IdentitiesOnly no other key is tried.
  std::filesystem::create_directory(home / ".ssh");
  std::ofstream{home / ".ssh/id_ed25519"};
  for (const auto& [named, others] :
       {std::pair{"-i=gone", true}, {"-i=", false}, {"IdentityFile=gone", false}}) {
    INFO(named);
    keys_of_words only;
    only.meant.settings.key_files.clear();
    const std::string text{named};
    const auto file = only.file(text.substr(text.find('=') + 1));
    auto set = text.starts_with("-i") ? only.set({"-i", file, "-o", "IdentitiesOnly=yes"})
                                      : only.set({"-o", "IdentityFile=" + file, "-o", "IdentitiesOnly=yes"});
    CHECK((set.code == errc::none) == others);
    CHECK(only.meant.settings.key_files == (others ? texts{"~/.ssh/id_ed25519"} : texts{}));
  }
  setenv("HOME", before.c_str(), 1);
  CHECK(refused.code == errc::invalid_settings);
  CHECK_THAT(refused.text, Contains("no key to log in with: -i: " + keys.file("gone") + " is not there") &&
                               Contains("; CertificateFile: " + keys.file("lost") + " is not there"));
}
