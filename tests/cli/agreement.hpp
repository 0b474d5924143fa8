// What `ssh` and `moorage ssh` do with one configuration: both really log in, at sshds that tell whom they
// saw, and the two accounts are compared.
#pragma once

#include <catch2/catch.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/cli/program.hpp"
#include "tests/support/agents.hpp"
#include "tests/support/real_sshd.hpp"
#include "tests/support/scratch_folder.hpp"

namespace moorage::cli_tests {

using lines = std::vector<std::string>;

/// One configuration and the words that go with it. In every text <k> stands for the folder that keys and
/// files are in; <gate>, <second> and <far> for the lines that lead to an sshd (HostName, Port, User);
/// <far:host>, <far:port>, <far:user>, <far:key> (a line's end in known_hosts) and <far:known> (such a line)
/// for parts, <digest> for %C of it; <agent>, <machine>, <short>, <me> and <uid> for what is ours, <up> for
/// the way from our home to the root. In lines of an account <reached> is somebody at `far`, <took> and
/// <turned down> what it made of a key, and <entered> how a log-in there ends.
struct trial {
  std::string config;
  lines words = {"lumi"};
  /// How it ends for ssh, and for moorage where it does not mean to differ: "in"; "changed", "revoked",
  /// "unknown" (of host keys); "denied"; "nothing in common" (of kinds of host keys); "bad" (configuration).
  std::string ends = "in";
  std::string known = "<gate:known><second:known><far:known>"; ///< everybody's file, `known`
  lines agent = {}; ///< keys that it holds, in order; none: there is no agent
  std::vector<std::pair<std::string, std::string>> files = {};  ///< further ones, with their text
  std::vector<std::pair<std::string, std::string>> copies = {}; ///< of keys, under which names
  std::map<std::string, std::string> environment = {};
  /// Why moorage means to differ, and in which lines of the account it does: "ssh: …", "moorage: …".
  std::string because = {};
  lines differing = {};
  std::string ends_here = {}; ///< how it ends for moorage; empty: as for ssh
};

/// Without their ends.
lines lines_of(const std::string& text);

/// Whether `moorage exec` and `moorage config` are compared by it, too: every third by the alias alone.
inline bool is_tried_by_others(const trial& of, std::size_t place_in_list) {
  return place_in_list % 3 == 0 && of.words == lines{"lumi"};
}

/// What is compared, each list by the test of its name's file.
namespace trials {
std::vector<trial> keys_of_a_host(), keys_of_no_use(), keys_of_words(), keys_of_agents(), no_keys_of_files(),
    certificates();
std::vector<trial> keys_of_hosts(), files_of_known_hosts(), certified_hosts(), bad_lines();
std::vector<trial> hosts_and_matches(), included_files(), destinations_in_words(), jumps(), jumps_of_words(),
    keys_of_jumps();
} // namespace trials

/// Three sshds (at 127.0.0.1, .2 and .3; `gate` has a user of its own, where we are root), which let in the
/// keys k1, k2, rsa, ecdsa and locked (which has a passphrase, and `unlocked` has none), and certificates of
/// their authority. Nobody lets in w1 (which is also in `open`, for all to read), w2 and lockedw, nor c1 and
/// c2 without their certificates: c2's is beside it, c1's is `apart.pub`, and `ended.pub` is one of k2 that
/// has run out.
class agreement {
public:
  agreement();

  /// Has both do it, and compares what came of it: where from and whereto each sshd was connected to, as
  /// whom, which keys and certificates it was shown in which order and which it took; the command's output
  /// and exit code; and what known_hosts holds afterwards. Some are tried by `moorage exec` as well, and
  /// their `moorage config` is compared with `ssh -G`. Where the user has keys of ssh's usual names, trials
  /// that name none are left out: both would look for them in the real home.
  void compare(const std::vector<trial>& all);

  /// From now on `far` has a certificate of the same authority, <authority>, for its host key.
  void certify_far();

private:
  struct server {
    std::string name;
    std::unique_ptr<support::real_sshd> sshd;
    std::size_t read = 0; ///< of its log
  };
  struct account {
    std::string ends;
    lines told;
    int queries = 0;   ///< keys that servers were shown
    std::string words; ///< all of the program's own
  };

  enum class client { ssh, moorage_ssh, moorage_exec };

  void compare_one(const trial& of, bool by_others_too);
  void compare_settings(const trial& of);
  void check(const trial& of, const account& ssh, client whose);
  void make_keys();
  std::string written(std::string text) const;
  void prepare(const trial& of);
  std::filesystem::path place(const std::string& name);
  program_spec asking(const trial& of, client who) const;
  account account_of(const trial& of, client who);
  void settle();
  void add_log(server& of, account& to) const;
  std::string named(std::string text) const;

  support::scratch_folder folder_;
  std::vector<server> servers_;
  std::vector<std::pair<std::string, std::string>> fingerprints_; ///< and the keys' names
  std::map<lines, std::unique_ptr<support::ssh_agent>> agents_;
  std::string agent_;                      ///< this trial's socket
  std::set<std::filesystem::path> placed_; ///< what the trial before put into the folder
  std::set<int> knocked_;                  ///< the ports that `settle` came from
};

} // namespace moorage::cli_tests
