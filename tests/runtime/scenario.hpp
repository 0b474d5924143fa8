// One bad day of a site with a real sshd: what its users and its admins saw, and how often we knocked.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/runtime/embedding_fixture.hpp"
#include "tests/support/own_network.hpp"

namespace moorage::test {

/// A real sshd, in a network of its own behind a firewall that bans where we may make one, and a runtime with
/// one pool for it, called "site", whose limits of log-ins are those of a configuration that says nothing
/// about them. What was seen is a row of a table when it ends, in the build folder's tests/scenarios/.
///
/// The firewall bans who knocks faster than the budget allows, but for two that come in one breath because
/// something kept the one before.
class scenario {
public:
  explicit scenario(std::string name, support::real_sshd_settings server = {});
  ~scenario();
  scenario(const scenario&) = delete;
  scenario& operator=(const scenario&) = delete;

  support::own_network& network() { return network_; }
  support::real_sshd& sshd() { return *sshd_; }
  runtime& rt() { return *rt_; }
  /// Changed before `begin`.
  cluster_settings& settings() { return settings_; }
  void begin();

  // --- users
  /// So many ask at once; each that is granted runs the command, if there is one, and gives back.
  void ask(int users, acquire_options options = {}, const exec_request& command = {});
  /// Everybody who asked has an answer, and never a second one.
  bool all_answered(std::chrono::seconds within = 240s) { return all_but(0, within); }
  /// The same of all but so many, who wait.
  bool all_but(std::size_t waiting, std::chrono::seconds within = 240s);
  /// How many saw that: "granted", the code of a refusal, or what became of the command, as its outcome's
  /// first word with the cause's code.
  int saw(const std::string& what);
  /// What the first who saw it was told.
  std::string told(const std::string& what);
  /// Others than these saw nobody.
  bool saw_only(std::vector<std::string> these);

  // --- admins
  bool wait_for(event_kind what, int count = 1, std::chrono::seconds within = 60s);
  int events(event_kind what);
  std::string text_of(event_kind what);
  /// What the pool's status says now goes into the table, and is given back.
  pool_status look(const std::string& when);

  // --- the site
  /// Log-ins that the sshd was asked for, as its network counts them, or where there is no such network it
  /// itself. Strangers come from other addresses than 127.0.0.1.
  int log_ins();
  /// What the budget allows until now.
  int allowed() const;
  /// Nobody was banned: the firewall has dropped nothing. True where there is none.
  bool welcome() { return !network_ || network_.dropped() == 0; }

private:
  using clock = std::chrono::steady_clock;
  struct sight {
    int users = 0;
    std::chrono::nanoseconds longest{0};
    std::string text;
  };
  struct happening {
    event_kind what;
    int count = 0;
    std::string text;
  };
  void note(std::size_t user, const std::string& what, clock::time_point asked, const std::string& text);
  void note(const event_record& event);
  happening* find(event_kind what);
  std::string row();

  const std::string name_;
  support::own_network network_;
  std::optional<support::real_sshd> sshd_;
  cluster_settings settings_;
  clock::time_point began_ = clock::now();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int> answers_; ///< of each user
  std::size_t answered_ = 0;
  std::vector<std::pair<std::string, sight>> seen_;
  std::vector<happening> happened_;
  std::uint64_t missed_ = 0;
  std::vector<std::string> looks_;
  std::unique_ptr<runtime> rt_; // these last: what they call is there
  subscription watching_;
};

} // namespace moorage::test
