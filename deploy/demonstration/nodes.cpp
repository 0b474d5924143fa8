// Shows a node over TLS: two applications, each a process with a certificate of its own, share one node's
// connections to a throwaway sshd; the node is killed in the middle and started again. Everything printed is
// measured in this run.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <thread>
#include <unistd.h>

#include "messages/durations.hpp"
#include "runtime/runtime.hpp"
#include "tests/support/process_tree.hpp"
#include "tests/support/real_sshd.hpp"
#include "tests/support/trial_authority.hpp"

namespace {

using namespace moorage;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

constexpr int commands_each = 60;
constexpr int commands_before_the_kill = 20;
constexpr auto patience = 60s;

std::atomic<bool> interrupted = false;

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

/// What an application does: commands, one after the other, whatever becomes of its node. Each is told in a
/// line.
int application(const node_address& node) {
  auto rt = runtime::connect(node, 10s);
  acquire_options how;
  how.patience = 30s;
  how.wait_for_ready = true; // rides out the node's absence
  for (int done = 0; done < commands_each;) {
    auto lease = rt.try_acquire("here", how);
    if (!lease) {
      print("refused: " + lease.error().text + "\n");
      return 1;
    }
    auto end = lease->run("true").ended;
    done += end.succeeded();
    print(end.succeeded() ? "done\n" : to_string(end.kind) + "\n");
  }
  return 0;
}

class demonstration {
public:
  explicit demonstration(std::string self) : self_(std::move(self)) {}
  int run();

private:
  struct guest {
    std::string name;
    std::optional<support::process_tree> process;
    int count(const std::string& line, const support::scratch_folder& in) const;
  };
  void write_config(const std::string& listen) const;
  void start_node();
  void start(guest& who);
  template <class Condition>
  void wait_until(const std::string& what, Condition holds);
  bool all_have(int commands) const;

  std::string self_;
  support::real_sshd sshd_;
  support::scratch_folder folder_;
  support::trial_authority authority_;
  node_files files_ = authority_.node();
  std::string address_ = "127.0.0.1:0";
  std::optional<support::process_tree> node_;
  std::vector<guest> guests_;
};

int demonstration::guest::count(const std::string& line, const support::scratch_folder& in) const {
  std::ifstream file{in / name};
  int found = 0;
  for (std::string each; std::getline(file, each);)
    found += each == line;
  return found;
}

template <class Condition>
void demonstration::wait_until(const std::string& what, Condition holds) {
  auto deadline = steady::now() + patience;
  while (!holds() && !interrupted) {
    if (steady::now() > deadline)
      throw std::runtime_error{"waited for a minute for " + what};
    std::this_thread::sleep_for(10ms); // other processes' doings are seen in their files
  }
}

void demonstration::write_config(const std::string& listen) const {
  std::ofstream{folder_ / "moorage.toml"} << fmt::format(
      "[clusters.here]\nhost = \"{}\"\nport = {}\nuser = \"{}\"\nkey_files = [\"{}\"]\nagent = false\n"
      "known_hosts_files = [\"{}\"]\npool_size = 1\n"
      "[node]\nlisten = \"{}\"\ncertificate = \"{}\"\nkey = \"{}\"\nauthority = \"{}\"\nrevoked = \"{}\"\n",
      sshd_.host(), sshd_.port(), sshd_.user(), sshd_.client_key(), sshd_.known_hosts(), listen,
      files_.certificate, files_.key, files_.authority, files_.revoked);
  std::ofstream file{folder_ / "moorage.toml", std::ios::app};
  for (const auto& each : guests_)
    file << fmt::format(
        "[[access]]\ncertificate = \"uri:moorage:{}\"\nclusters = [\"here\"]\nallow = [\"use\"]\n",
        each.name);
}

void demonstration::start_node() {
  write_config(address_);
  auto log = folder_ / "node.log";
  std::ofstream{log}.close();
  node_.emplace(support::process_spec{.argv = {MOORAGE_PROGRAM, "serve", "--config", folder_ / "moorage.toml",
                                               "--socket", folder_ / "s/node.sock"},
                                      .environment = {"XDG_RUNTIME_DIR=" + folder_.path()},
                                      .output = log});
  std::string text;
  wait_until("the node", [&] {
    text = support::contents_of(log);
    return text.find("over TLS on ") != std::string::npos && text.ends_with('\n');
  });
  if (auto at = text.rfind(" on "); at != std::string::npos)
    address_ = text.substr(at + 4, text.size() - at - 5);
}

void demonstration::start(guest& who) {
  auto files = authority_.client(who.name);
  who.process.emplace(support::process_spec{
      .argv = {self_, "application", address_, files.certificate, files.key, files.authority},
      .output = folder_ / who.name});
}

bool demonstration::all_have(int commands) const {
  return std::all_of(guests_.begin(), guests_.end(), [&](const auto& each) {
    return each.count("done", folder_) >= commands || !each.process->running();
  });
}

int demonstration::run() {
  guests_.resize(2);
  guests_[0].name = "portal";
  guests_[1].name = "jobs";
  start_node();
  print(fmt::format("A throwaway cluster on loopback, and a node for it that listens over TLS on {}.\n",
                    address_));
  for (auto& each : guests_)
    start(each);
  wait_until("the applications", [this] { return all_have(commands_before_the_kill); });
  auto before = sshd_.logins();
  print("Two applications, each with a certificate of its own, run commands through it; now it is killed.\n");
  node_->end();
  auto killed = steady::now();
  auto done = [this] { return guests_[0].count("done", folder_) + guests_[1].count("done", folder_); };
  start_node();
  auto back = steady::now();
  auto had = done();
  wait_until("a command after the kill", [&] { return done() > had; });
  auto useful = steady::now();
  wait_until("the applications' end", [this] { return all_have(commands_each); });
  if (interrupted)
    return 130;
  print(fmt::format("\n  {:<44} {:>10} {:>10}\n", "", guests_[0].name, guests_[1].name));
  auto row = [this](const std::string& what, const std::string& line) {
    print(fmt::format("  {:<44} {:>10} {:>10}\n", what, guests_[0].count(line, folder_),
                      guests_[1].count(line, folder_)));
  };
  row("commands that ended well", "done");
  row("cut by the kill, and may have run", to_string(outcome_kind::maybe_ran));
  row("cut by the kill, and never sent", to_string(outcome_kind::never_sent));
  print(fmt::format("\n  log-ins at the sshd: {} of the first node, {} of the second, for all {} commands\n",
                    before, sshd_.logins() - before, done()));
  print(fmt::format("  the node was away for {}, and the next command ended {} after it was back\n",
                    to_text(back - killed), to_text(useful - back)));
  return done() == 2 * commands_each ? 0 : 1;
}

} // namespace

int main(int count, char** words) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    if (count == 6)
      return application({words[2], {words[3], words[4], words[5], {}}});
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = true; };
    for (auto each : {SIGINT, SIGTERM, SIGHUP})
      sigaction(each, &action, nullptr);
    return demonstration{words[0]}.run();
  } catch (const std::exception& problem) {
    fmt::print(stderr, "quickstart: {}\n", problem.what());
    return 1;
  }
}
