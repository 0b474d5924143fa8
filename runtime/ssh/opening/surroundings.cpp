// What the environment and the password database say of the user, as far as the settings leave it to them.
#include <unistd.h>

#include <cstring>

#include "runtime/ssh/login/credentials.hpp"
#include "runtime/ssh/opening/preparation.hpp"
#include "runtime/system/account.hpp"
#include "runtime/system/descriptors.hpp"
#include "runtime/system/passing.hpp"

namespace moorage {

namespace {

/// Whether any file that is read is named from the home folder.
bool home_matters(const cluster_settings& settings) {
  return known_hosts_files(settings, "/a") != known_hosts_files(settings, "/b") ||
         key_file_paths(settings, "/a") != key_file_paths(settings, "/b");
}

} // namespace

surroundings filled_in(surroundings around) {
  if (!around.use_environment)
    return around;
  if (around.home.empty())
    around.home = home_of_environment();
  if (around.agent_socket.empty())
    around.agent_socket = environment("SSH_AUTH_SOCK");
  if (around.shell.empty())
    around.shell = environment("SHELL");
  return around;
}

std::string home_folder(const surroundings& around) {
  return !around.home.empty() || !around.use_environment ? around.home : user_account_of(::getuid()).home;
}

std::vector<std::string> known_hosts_files(const cluster_settings& settings, const std::string& home) {
  std::vector<std::string> files;
  for (const auto& file : settings.known_hosts_files)
    files.push_back(expand_home(file, home));
  if (files.empty())
    files = {home + "/.ssh/known_hosts", home + "/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts",
             "/etc/ssh/ssh_known_hosts2"};
  return files;
}

self_told who_we_are(const cluster_settings& settings, const surroundings& around,
                     const user_account& account) {
  self_told self{!settings.user.empty() ? settings.user
                 : !around.user.empty() ? around.user
                                        : account.name,
                 around.home.empty() ? account.home : around.home,
                 {}};
  // The files of no home folder are nobody's: a host that they do not know may well be known.
  if (account.error != 0 && (self.user.empty() || (self.home.empty() && home_matters(settings))))
    self.error = {ssh_stage::prepare, ssh_failure::descriptor_limit,
                  "the user of " + name_of_this_process() +
                      " could not be looked up in the password database: " +
                      std::string{std::strerror(account.error)} + ". " + advice_on_passing(account.error) +
                      (self.user.empty() ? ", or set user" : ", or set HOME")};
  else if (self.user.empty())
    self.error = {ssh_stage::prepare, ssh_failure::no_credentials,
                  "no user is set, and that of " + name_of_this_process() +
                      " has no entry in the password database: set user"};
  return self;
}

} // namespace moorage
