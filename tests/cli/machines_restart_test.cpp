// Nodes that are restarted one after another under load, and certificates that are exchanged while links
// live. Each is a row of tests/machines.md.
#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>

#include "tests/cli/machines.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using moorage::outcome_kind;

namespace {

const std::array<std::string, 2> callers{"command", "program"};

std::string word_of(const finished& ended) {
  auto says = [&](const char* words) { return ended.error_output.find(words) != std::string::npos; };
  if (ended.code == 0)
    return "ran";
  if (ended.code == 255 && says("the command did not run"))
    return "never sent";
  if (ended.code == 255 && says("the command may have run"))
    return "maybe ran";
  return "code " + std::to_string(ended.code) + ", signal " + std::to_string(ended.signal) + ": " +
         ended.error_output;
}

std::string word_of(const moorage::outcome& ended) {
  return ended.succeeded()                        ? "ran"
         : ended.kind == outcome_kind::never_sent ? "never sent"
         : ended.kind == outcome_kind::maybe_ran  ? "maybe ran"
                                                  : to_string(ended);
}

/// A file of the cluster's, to which each call adds its name.
std::map<std::string, int> names_in(const std::string& file) {
  std::map<std::string, int> result;
  std::ifstream all{file};
  for (std::string line; std::getline(all, line);)
    ++result[line];
  return result;
}

/// Both callers get on with it.
bool go_on(const std::string& file) {
  auto ran = [&file](const std::string& who) {
    auto names = names_in(file);
    return std::count_if(names.begin(), names.end(),
                         [&who](const auto& each) { return each.first.starts_with(who); });
  };
  return std::all_of(callers.begin(), callers.end(), [&](const auto& each) {
    return becomes_true([&, before = ran(each)] { return ran(each) > before + 2; }, 60s);
  });
}

} // namespace

TEST_CASE("while nodes are restarted one after another each call of their clients ran once, or says that it "
          "did not or may have",
          "[long]") {
  site here{{.nodes = 2}};
  if (!here)
    return;
  moorage::support::scratch_folder at_the_cluster;
  const auto file = at_the_cluster / "calls";
  std::atomic<bool> over = false;
  std::map<std::string, std::string> told_command, told_program;
  {
    auto words_of_command = here.spec(here.jobs, here.nodes[0], {});
    std::jthread command{[&] {
      auto there = here.jobs.at->visit();
      for (int i = 0; !over; ++i) {
        auto name = "command" + std::to_string(i);
        auto words = words_of_command;
        words.arguments = {"exec", "lumi", "-n", "--", "echo " + name + " >>" + file};
        told_command[name] = word_of(run(words, 60s)); // one that hangs is killed, which is none of the words
      }
    }};
    std::jthread program{[&] {
      auto rt = here.connect(here.portal, here.nodes[1]);
      for (int i = 0; !over; ++i) {
        auto name = "program" + std::to_string(i);
        auto call = rt.async().run("lumi", "echo " + name + " >>" + file, riding_out());
        told_program[name] = call.wait_for(120s) ? word_of(call.get().ended) : "hangs";
      }
    }};
    for (int round = 0; round < 2; ++round)
      for (auto& node : here.nodes) {
        CHECK(go_on(file));
        if (round == 0) {
          node.process->signal(SIGTERM);
          CHECK(node.process->wait().code == 0);
        } else {
          node.kill();
        }
        node.begin();
      }
    CHECK(go_on(file));
    over = true;
  }
  auto ran = names_in(file);
  std::map<std::string, int> words;
  for (const auto* told : {&told_command, &told_program})
    for (const auto& [name, word] : *told) {
      INFO(name << ": " << word);
      auto times = ran.contains(name) ? ran[name] : 0;
      ++words[word];
      CHECK((word == "ran" || word == "never sent" || word == "maybe ran"));
      CHECK(times <= 1);
      if (word != "maybe ran")
        CHECK(times == (word == "ran" ? 1 : 0));
    }
  CHECK(words["ran"] >= 20);
  // Log-ins by the nodes, each of which was started three times, and none for a call.
  CHECK(here.logins() <= 12);
}

namespace {

/// What a node shows to whoever asks for TLS on a client's machine.
std::string shown_certificate(const site& here, const node_machine& node) {
  program_spec asking{{"s_client", "-connect", node.address(), "-showcerts"}, here.jobs.home.path()};
  asking.executable = "openssl";
  return here.start(here.jobs, asking).wait().output;
}

std::string first_certificate_of(const std::string& file) {
  auto text = moorage::support::contents_of(file);
  return text.substr(text.find("-----BEGIN CERT"), text.find("-----END CERT") - text.find("-----BEGIN CERT"));
}

} // namespace

TEST_CASE(
    "certificates are exchanged while links between machines live, and who is revoked is cut off at once",
    "[long]") {
  site here;
  if (!here)
    return;
  auto& node = here.nodes[0];
  auto revoked = here.start(here.jobs, node, {"exec", "lumi", "-n", "--", "echo begun; exec sleep 600"});
  REQUIRE(revoked.wrote("begun\n"));
  auto rt = here.connect(here.portal, node);
  auto lease = rt.acquire("lumi", 60s);
  auto next = here.authority.node(node.at->address(), "--days 20");
  auto old = first_certificate_of(node.files.certificate);
  REQUIRE_THAT(shown_certificate(here, node), Contains(old));
  std::filesystem::copy_file(next.certificate, node.files.certificate,
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::copy_file(next.key, node.files.key, std::filesystem::copy_options::overwrite_existing);
  here.authority.revoke("jobs");
  node.process->signal(SIGHUP);
  REQUIRE(node.process->wrote("read the configuration again"));
  auto began = std::chrono::steady_clock::now();
  auto cut = revoked.wait(slack);
  CHECK(std::chrono::steady_clock::now() - began < 5s);
  CHECK(cut.code == 255);
  CHECK_THAT(cut.error_output, Contains("the command may have run"));
  CHECK(node.has_leases(1, 3s + slack)); // the other's
  CHECK_THAT(shown_certificate(here, node), Contains(first_certificate_of(next.certificate)));
  CHECK(here.run(here.jobs, node, {"exec", "lumi", "-n", "--", "true"}).code == 255);
  CHECK(here.run(here.portal, node, {"exec", "lumi", "-n", "--", "true"}).code == 0);
  CHECK_FALSE(rt.wait_for_loss(0s));
  CHECK(lease.run("echo still there").output == "still there\n");
}
