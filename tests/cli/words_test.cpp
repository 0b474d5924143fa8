// What the program says without any cluster: help, configuration, manual page, and its exit codes.
#include <catch2/catch.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "messages/error_words.hpp"
#include "messages/events.hpp"
#include "messages/orders.hpp"
#include "messages/status.hpp"
#include "tests/cli/program.hpp"
#include "tests/support/real_sshd.hpp"

using namespace moorage::cli_tests;
using Catch::Contains;
using Catch::StartsWith;

namespace {

struct home_folder {
  moorage::support::scratch_folder folder;

  finished moorage(std::vector<std::string> arguments,
                   std::map<std::string, std::string> environment = {}) const {
    return run({std::move(arguments), folder.path(), {}, std::move(environment)});
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream{folder / name} << text;
    return folder / name;
  }
};

/// The words, wherever lines end.
std::string unwrapped(const std::string& text) {
  std::istringstream in{text};
  std::string result;
  for (std::string word; in >> word;)
    result += (result.empty() ? "" : " ") + word;
  return result;
}

} // namespace

TEST_CASE("help names every command, teaches by example, and lists the exit codes") {
  home_folder home;
  auto help = home.moorage({"--help"});
  CHECK(help.code == 0);
  CHECK(help.error_output.empty());
  for (auto text : {"Usage: moorage [OPTION…] COMMAND", "exec", "ssh", "status", "check", "bench", "config",
                    "serve", "admin", "completion", "man", "Examples:", "Exit codes:", "255"})
    CHECK_THAT(help.output, Contains(text));
  for (const std::string name :
       {"exec", "ssh", "status", "check", "bench", "config", "serve", "admin", "completion", "man"}) {
    auto of_command = home.moorage({name, "--help"});
    CHECK(of_command.code == 0);
    CHECK_THAT(of_command.output, Contains("Usage: moorage " + name));
    CHECK(home.moorage({"help", name}).output == of_command.output);
  }
  CHECK(home.moorage({"help", "admin", "evict"}).code == 0);
  for (const auto& arguments : {std::vector<std::string>{"help", "nosuch"}, {"help", "admin", "nosuch"}}) {
    auto unknown = home.moorage(arguments);
    CHECK(unknown.code == 2);
    CHECK(unknown.error_output == "moorage: unknown command 'nosuch' (moorage --help)\n");
  }
  CHECK_THAT(home.moorage({"admin", "evict", "--help"}).output,
             Contains("moorage admin evict [OPTION…] CLUSTER CONNECTION"));
  CHECK_THAT(home.moorage({"--version"}).output, StartsWith("moorage "));
}

TEST_CASE("help and manual say when exec ends, and for how long it waits for output that is held open") {
  home_folder home;
  auto help = unwrapped(home.moorage({"exec", "--help"}).output);
  auto page = unwrapped(home.moorage({"man"}).output);
  for (const auto* text :
       {"when the command has ended and nothing that it left behind holds its output open",
        "linger says how long that is waited for", "Otherwise for as long as something holds it open"}) {
    CHECK_THAT(help, Contains(text));
    CHECK_THAT(page, Contains(text));
  }
}

TEST_CASE("no line of help is longer than a hundred columns") {
  home_folder home;
  for (const std::string name : {"--help", "exec", "config", "serve", "admin", "bench"}) {
    std::istringstream lines{name == "--help" ? home.moorage({name}).output
                                              : home.moorage({name, "--help"}).output};
    for (std::string line; std::getline(lines, line);) {
      INFO(line);
      CHECK(line.size() <= 104); // an ellipsis is three bytes
    }
  }
}

TEST_CASE("wrong usage is told in one line with what was meant, and ends with 2") {
  home_folder home;
  auto complaint = [&](std::vector<std::string> arguments) {
    auto ended = home.moorage(std::move(arguments));
    CHECK(ended.code == 2);
    CHECK(ended.output.empty());
    return ended.error_output;
  };
  CHECK(complaint({}) == "moorage: no command (moorage --help)\n");
  CHECK(complaint({"statsu"}) ==
        "moorage: unknown command 'statsu'; did you mean status? (moorage --help)\n");
  CHECK(complaint({"status", "--jsno"}) ==
        "moorage: unknown option '--jsno'; did you mean --json? (moorage status --help)\n");
  CHECK(complaint({"check"}) == "moorage: CLUSTER is missing (moorage check --help)\n");
  CHECK(complaint({"status", "a", "b"}) == "moorage: one argument too many: 'b' (moorage status --help)\n");
  CHECK(complaint({"admin"}) == "moorage: no command (moorage admin --help)\n");
  CHECK(complaint({"admin", "evict", "lumi"}) ==
        "moorage: CONNECTION is missing (moorage admin evict --help)\n");
  CHECK_THAT(complaint({"admin", "evict", "lumi", "seven"}), Contains("'seven' is no number such as c3"));
  CHECK_THAT(complaint({"admin", "resize", "lumi", "4294967296"}),
             Contains("'4294967296' is too large; the most is 4294967295"));
  CHECK_THAT(complaint({"bench", "lumi", "--time", "0"}), Contains("a measurement takes time"));
  CHECK_THAT(complaint({"bench", "lumi", "--time", "5"}), Contains("'5' is no duration such as 250ms"));
  CHECK_THAT(complaint({"bench", "lumi", "--time", "200000d"}), Contains("at most a hundred years"));
  CHECK_THAT(complaint({"--log-level", "loud", "config"}), Contains("--log-level"));
  CHECK_THAT(complaint({"status", "--embedded"}), Contains("status asks a node"));
  CHECK_THAT(complaint({"status", "-o", "pool_size=2"}), Contains("a node has its own settings"));
  CHECK_THAT(complaint({"admin", "pools", "-o", "pool_size=2"}), Contains("a node has its own settings"));
}

TEST_CASE("exec ends with 255 for whatever is not the command's own code") {
  home_folder home;
  CHECK(home.moorage({"exec", "lumi"}).error_output ==
        "moorage: no command; write it after -- (moorage exec --help)\n");
  CHECK(home.moorage({"exec", "lumi"}).code == 255);
  CHECK(home.moorage({"exec", "lumi", "ls", "-l"}).error_output ==
        "moorage: unknown option '-l'; write -- before the command (moorage exec --help)\n");
  auto unknown = home.moorage({"exec", "lumi", "--", "true"});
  CHECK(unknown.code == 255);
  CHECK(unknown.error_output ==
        "moorage: no cluster 'lumi' in the configuration: there is no file (one that is in no file "
        "is written user@host:port); nor does ~/.ssh/config have a Host of that name\n");
  auto config = home.write("m.toml", "nonsense");
  CHECK(home.moorage({"--config", config, "exec", "lumi", "--", "true"}).code == 255);
}

TEST_CASE("a setting or a variable on the command line takes one word, wherever it stands") {
  home_folder home;
  auto config = home.write("m.toml", "[clusters.c]\nhost = \"127.0.0.1\"\nport = 1\n");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"-o", "port=2", "exec", "-n", "--wait", "0", "c", "--", "true"},
        {"exec", "-n", "--wait", "0", "-o", "port=2", "c", "--", "true"},
        {"exec", "-n", "--wait", "0", "-e", "A=1", "-o", "port=2", "c", "--", "true"},
        {"exec", "-n", "--wait", "0", "c", "-o", "port=2", "--", "true"},
        {"check", "--wait", "0", "-o", "port=2", "-o", "pool_size=2", "c"}}) {
    std::vector<std::string> arguments{"--config", config};
    arguments.insert(arguments.end(), words.begin(), words.end());
    auto ended = home.moorage(arguments);
    auto told = ended.output + ended.error_output;
    INFO(told);
    CHECK_THAT(told, !Contains("missing") && !Contains("--help") && Contains("no lease for 'c'"));
  }
}

TEST_CASE("a log that cannot be written is told once, in words, and stops nothing") {
  home_folder home;
  auto config = home.write("m.toml", "[clusters.c]\nhost = \"127.0.0.1\"\nport = 1\nagent = false\n[log]\n"
                                     "file = \"/dev/full\"\nlevel = \"trace\"\n");
  auto ended = home.moorage({"--config", config, "check", "c"});
  const std::string told =
      "moorage: the log file '/dev/full' cannot be written: No space left on device; lines of "
      "it are lost\n";
  INFO(ended.error_output);
  auto at = ended.error_output.find(told);
  REQUIRE(at != std::string::npos);
  CHECK(ended.error_output.find("cannot be written", at + told.size()) == std::string::npos);
  CHECK_THAT(ended.error_output, !Contains("spdlog") && !Contains("ERROR"));
  CHECK_THAT(ended.output,
             Contains("try failed") && Contains("nothing to log in with") && !Contains("prepare:"));
}

TEST_CASE("config shows every setting with its origin, as a file that reads back the same") {
  home_folder home;
  auto file = home.write("m.toml",
                         "[defaults]\npool_size = 7\n[clusters.lumi]\nhost = \"lumi.csc.fi\"\nuser = \"me\"\n"
                         "[limits]\nconnects_at_once = 7\nprobes_at_once = 9\n");
  auto shown = home.moorage({"config", "--config", file, "-o", "probe_timeout=2s"});
  CHECK(shown.error_output.empty());
  REQUIRE(shown.code == 0);
  for (auto line : {"[clusters.lumi]", "host = \"lumi.csc.fi\"", "# m.toml:4 [clusters.lumi]",
                    "pool_size = 7", "# m.toml:2 [defaults]", "probe_timeout = \"2s\"", "# command line",
                    "port = 22", "# default", "[limits]\nconnects_at_once = 7\nprobes_at_once = 9\n"})
    CHECK_THAT(shown.output, Contains(line));
  auto again = home.moorage({"config", "--config", home.write("again.toml", shown.output), "--json"});
  REQUIRE(again.code == 0);
  auto whole = nlohmann::json::parse(again.output);
  CHECK(whole["limits"]["connects_at_once"] == 7);
  CHECK(whole["limits"]["probes_at_once"] == 9);
  auto settings = whole["clusters"]["lumi"];
  CHECK(settings["pool_size"]["value"] == 7);
  CHECK(settings["probe_timeout_seconds"]["value"] == 2.0);
  CHECK(settings["strict_host_keys"]["value"] == "yes");
  CHECK(home.moorage({"config", "--config", file, "--names"}).output == "lumi\n");
  CHECK_THAT(home.moorage({"config", "me@h.example:2222", "--config", file}).output,
             Contains("[clusters.\"me@h.example:2222\"]") && Contains("port = 2222") &&
                 Contains("# destination"));
}

TEST_CASE("the configuration is found where the manual says, and none is fine") {
  home_folder home;
  auto none = home.moorage({"config"});
  CHECK(none.code == 0);
  CHECK_THAT(none.output, StartsWith("# no configuration file"));
  std::filesystem::create_directories(home.folder / ".config/moorage");
  home.write(".config/moorage/moorage.toml", "[clusters.home]\nhost = \"h\"\n");
  CHECK(home.moorage({"config", "--names"}).output == "home\n");
  auto named = home.write("named.toml", "[clusters.named]\nhost = \"h\"\n");
  CHECK(home.moorage({"config", "--names"}, {{"MOORAGE_CONFIG", named}}).output == "named\n");
}

TEST_CASE("everything wrong with a configuration is told, and ends with 3") {
  home_folder home;
  auto file = home.write("m.toml", "[defaults]\npool_sise = 7\n[clusters.lumi]\nport = 0\n");
  auto shown = home.moorage({"config", "--config", file});
  CHECK(shown.code == 3);
  CHECK(shown.output.empty());
  CHECK(shown.error_output ==
        "moorage: " + file + ":2:1: defaults.pool_sise: there is no such setting; did you mean pool_size?\n" +
            "moorage: " + file +
            ":3:11: clusters.lumi: host is missing; allowed: the name or address of the login node (or "
            "hosts, several; or "
            "ssh_host, a Host of ssh's)\n" +
            "moorage: " + file + ":4:8: clusters.lumi.port: 0 is out of range; allowed: 1 to 65535\n");
  CHECK(home.moorage({"config", "-o", "pool_size=many"}).error_output ==
        "moorage: -o pool_size: \"many\" is not understood; allowed: 1 to 10000\n");
  CHECK(home.moorage({"config", "--config", "/gone"}).code == 3);
}

TEST_CASE("the sample that the program prints is a configuration") {
  home_folder home;
  auto sample = home.moorage({"config", "--sample"});
  CHECK(sample.code == 0);
  auto read = home.moorage({"config", "--config", home.write("sample.toml", sample.output)});
  CHECK(read.code == 0);
  CHECK(read.error_output.empty());
}

TEST_CASE("every order that a pool takes is one of admin's") {
  home_folder home;
  auto help = home.moorage({"admin", "--help"}).output;
#define MOORAGE_IN_HELP(order) CHECK_THAT(help, Contains("  " + std::string{moorage::order::name} + " "))
  MOORAGE_ORDERS(MOORAGE_IN_HELP, ;);
#undef MOORAGE_IN_HELP
}

TEST_CASE("admin takes the connections and leases of a cluster's later lives, whose numbers are large") {
  home_folder home;
  for (const auto& arguments : {std::vector<std::string>{"admin", "evict", "lumi", "c1000000000007"},
                                {"admin", "revoke", "lumi", "l1000000000007"}})
    CHECK(home.moorage(arguments).code == 4); // there is no node, but nothing wrong with the number
  CHECK(home.moorage({"admin", "resize", "lumi", "4294967296"}).code == 2);
}

TEST_CASE("without a node, status and admin say so and how to start one, and end with 4") {
  home_folder home;
  for (const auto& arguments :
       {std::vector<std::string>{"status"}, {"admin", "pools"}, {"admin", "pause", "lumi"}}) {
    auto ended = home.moorage(arguments);
    CHECK(ended.code == 4);
    CHECK(ended.output.empty());
    CHECK_THAT(ended.error_output, StartsWith("moorage: no node listens on ") && Contains("moorage serve"));
  }
  for (const auto& arguments : {std::vector<std::string>{"--socket", "/no/node", "status"},
                                {"--socket", "/no/node", "check", "me@host"},
                                {"--socket", "/no/node", "exec", "me@host", "--", "true"}})
    CHECK(home.moorage(arguments).error_output ==
          "moorage: no node listens on /no/node; start one with: moorage --socket /no/node serve &\n");
}

TEST_CASE("the manual page has every command, option, setting, event, counter and error, and no fault that "
          "mandoc finds") {
  home_folder home;
  auto page = home.moorage({"man"}, {{"SOURCE_DATE_EPOCH", "0"}});
  REQUIRE(page.code == 0);
  CHECK_THAT(page.output, StartsWith(".TH MOORAGE 1 1970-01-01"));
  for (auto text : {".SH EXIT STATUS", "pool_size", "probe_failures_max", "admin evict", "\\-\\-embedded",
                    "MOORAGE_CONFIG"})
    CHECK_THAT(page.output, Contains(text));
  for (const auto& row : moorage::event_rows)
    CHECK_THAT(page.output, Contains("\\fB" + std::string{row.name} + "\\fR"));
  for (const auto& row : moorage::counter_rows)
    CHECK_THAT(page.output, Contains("\\fB" + std::string{row.name} + "\\fR"));
  for (const auto& row : moorage::error_rows())
    CHECK_THAT(page.output, Contains("\\fB" + std::string{row.name} + "\\fR ("));
  for (const auto& row : moorage::removal_rows)
    CHECK_THAT(page.output, Contains("\\fB" + std::string{row.name} + "\\fR"));
  auto file = home.write("moorage.1", page.output);
  auto lint = run({{"-Tlint", "-Wwarning", file}, home.folder.path(), {}, {}, false, "mandoc"});
  if (lint.code != 127) {
    CHECK(lint.output == "");
    CHECK(lint.code == 0);
  }
}

TEST_CASE("a closed stdout ends the program as it ends any other") {
  home_folder home;
  program closed{{{"man"}, home.folder.path()}};
  closed.close_output();
  auto ended = closed.wait();
  // The page may have gone out before the end was closed.
  CHECK((ended.signal == SIGPIPE || ended.code == 0));
  CHECK(ended.error_output.empty());
}
