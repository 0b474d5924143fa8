// The benches: every figure against a baseline in the same run. See --help.
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/resource.h>

#include "tests/bench/figures.hpp"

namespace {

using namespace moorage::bench;

struct bench {
  const char* name;
  const char* what;
  void (*measure)(const effort&, figures&);
  bool when_named_only = false;
};

constexpr bench benches[] = {
    {"acquire", "acquire and release, quiet", quiet_acquire},
    {"hung-acquire", "acquire while every connection hangs in its probe", acquire_while_hung},
    {"crowded-acquire", "acquire while 50,000 acquires wait for another pool", acquire_beside_waiters},
    {"opening-acquire", "acquire while 100 connections are being opened", acquire_while_opening},
    {"beside-openings", "acquire while 100 connections of another pool are being opened",
     acquire_beside_openings},
    {"flooded-acquire", "acquire while another pool's server floods", acquire_beside_floods},
    {"every-flood", "the same for every kind of flood that the tests know, in five minutes",
     acquire_beside_every_flood, true},
    {"policies", "acquire and release with every policy on, against every one off", acquire_with_policies},
    {"many-pools", "`pools` of 1,000 pools, and acquire beside it", thousand_pools},
    {"outage", "healing 20 clusters after an outage, against what the budget allows", heal_after_outage},
    {"black-holes", "warming 10 clusters beside 10 that accept and stay silent", warm_beside_black_holes},
    {"commands", "commands a second, against the bare loop", commands_against_bare_loop},
    {"control-master", "commands a second, against OpenSSH's ControlMaster", commands_against_control_master},
    {"exec", "a command through a node, against ssh -S through a ControlMaster", exec_against_control_master},
    {"acquire-rate", "acquires a second from 1, 8 and 64 host threads", acquires_from_threads},
    {"crowd-acquire", "acquires a second from 64 host threads, against empty requests", acquires_of_a_crowd},
    {"health-round", "a health round of 100 idle connections", health_round},
    {"hung-round", "a health round of hung connections", hung_health_round},
    {"warming", "warming 100 connections", warming},
    {"idle-connections", "memory and processor time of 1,000 idle connections", thousand_idle},
    {"idle-runtime", "processor time of an idle runtime", idle_runtime},
    {"other-process", "acquire, command and bytes from another process", other_process},
    {"shared-link", "small requests beside 64 streams on one link", requests_beside_streams},
    {"many-clients", "memory of each of 1,000 clients at a node", thousand_clients},
    {"reconnecting", "acquire while all other clients of a node reconnect", acquire_beside_reconnects},
    {"jump-openings", "opening over a jump host, against direct openings", openings_over_jump},
    {"jump-commands", "commands over a jump host, against direct ones and ssh -J", commands_over_jump},
    {"jump-memory", "memory of each of 100 connections over one of a jump host's", hundred_over_jump},
    {"hanging-acquire", "acquire while another pool waits for what hangs", acquire_beside_hanging},
    {"busy-pool", "processor time of each of a pool's messages while all peers hang", busy_pool},
};

struct wish {
  effort how;
  std::string json;
  std::vector<std::string> only;
};

int usage(std::FILE* to, int code) {
  fmt::print(to,
             "usage: moorage_bench [--quick] [--only NAME]... [--json FILE]\n\n"
             "Measures, prints a table, and writes the same as JSON. A missed bar is printed as missed.\n"
             "Progress goes to stderr. --quick is a smoke test: its figures mean nothing.\n"
             "Exit codes: 0 measured, met or missed; 1 something could not be measured; 2 usage.\n\nNAME:\n");
  for (const auto& one : benches)
    fmt::print(to, "  {:<18} {}{}\n", one.name, one.what, one.when_named_only ? " (only when named)" : "");
  return code;
}

bool wanted(const wish& wish, const bench& one) {
  return (wish.only.empty() && !one.when_named_only) ||
         std::find(wish.only.begin(), wish.only.end(), std::string{one.name}) != wish.only.end();
}

bool known(const std::string& name) {
  return std::any_of(std::begin(benches), std::end(benches),
                     [&name](const bench& one) { return name == one.name; });
}

int run(const wish& wish) {
  figures made;
  nlohmann::json failures = nlohmann::json::object();
  for (const auto& one : benches) {
    if (!wanted(wish, one))
      continue;
    say(fmt::format("--- {}: {}", one.name, one.what));
    try {
      one.measure(wish.how, made);
    } catch (const std::exception& problem) {
      say(fmt::format("{}: {}", one.name, problem.what()));
      failures[one.name] = problem.what();
    }
  }
  fmt::print("{}", table_of(made));
  for (const auto& [name, why] : failures.items())
    fmt::print("{}: not measured: {}\n", name, why.get<std::string>());
  if (!wish.json.empty()) {
    auto all = json_of(made, wish.how);
    all["failures"] = failures;
    std::ofstream file{wish.json};
    file << all.dump(2) << "\n";
    if (!file.flush()) {
      fmt::print(stderr, "moorage_bench: cannot write {}: {}\n", wish.json, std::strerror(errno));
      return 1;
    }
  }
  return failures.empty() ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max; // some a connection
  setrlimit(RLIMIT_NOFILE, &files);
  signal(SIGPIPE, SIG_IGN);
  std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (words.size() > 1 && words[0] == "--role") {
      std::vector<std::string> arguments(words.begin() + 2, words.end());
      if (words[1] == "flood")
        return flood_role(arguments);
      if (words[1] == "visit")
        return visit_role(arguments);
      return words[1] == "serve" ? serve_role(arguments) : footprint_role(arguments);
    }
    wish wish;
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words[i] == "--quick")
        wish.how.quick = true;
      else if (words[i] == "--json" && i + 1 < words.size())
        wish.json = words[++i];
      else if (words[i] == "--only" && i + 1 < words.size() && known(words[i + 1]))
        wish.only.push_back(words[++i]);
      else if (words[i] == "--help" || words[i] == "-h")
        return usage(stdout, 0);
      else
        return usage(stderr, 2);
    }
    return run(wish);
  } catch (const std::exception& problem) {
    fmt::print(stderr, "moorage_bench: {}\n", problem.what());
    return 1;
  }
}
