#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "deploy/moorage/commands.hpp"
#include "deploy/moorage/pools.hpp"
#include "deploy/moorage/reach.hpp"
#include "runtime/system/descriptors.hpp"

namespace moorage::cli {

namespace {

// Found from where this program lies, so that a build tree and an installation that was moved are whole as
// well.
std::filesystem::path other_program() {
  std::error_code unknown;
  auto own = std::filesystem::read_symlink("/proc/self/exe", unknown);
  return (own.parent_path() / MOORAGE_POOLS_PROGRAM).lexically_normal();
}

std::vector<std::string> own_words() {
  std::ifstream file{"/proc/self/cmdline", std::ios::binary};
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');)
    words.push_back(word);
  return words;
}

/// Begins this process anew with the program that has pools; comes back if it cannot.
failure become_other_program() {
  auto program = other_program();
  auto words = own_words();
  if (words.empty()) { // without a descriptor left
    auto lack = check_descriptors();
    return lack.code != errc::none ? lack : failure{errc::local_failure, "cannot read /proc/self/cmdline"};
  }
  std::vector<char*> arguments;
  for (auto& word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  execv(program.c_str(), arguments.data());
  return {errc::local_failure, "cannot run " + program.string() + ", which opens connections for moorage (" +
                                   std::strerror(errno) + "): install moorage whole"};
}

} // namespace

bool makes_pools_here() {
  return false;
}

failure have_pools(signal_watch& signals) {
  signals.hand_over();
  return become_other_program();
}

std::optional<runtime> make_pools(configuration, signal_watch& signals, failure& reason, runtime_options) {
  reason = have_pools(signals);
  return std::nullopt;
}

result<runtime> connect_over_tls(const node_address&, std::chrono::milliseconds, runtime_options,
                                 signal_watch* signals) {
  if (signals != nullptr)
    signals->hand_over();
  return become_other_program();
}

/// It has the pools' core, which this one is too small for.
ending run_replay(const options&) {
  return refuse(become_other_program());
}

} // namespace moorage::cli
