// Whose process this is: its environment, and its user's name and home folder.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace moorage {

/// A variable of the environment; empty where there is none.
std::string environment(const char* name);
/// All of it as it is now. Whoever calls this sees to it that nobody changes it meanwhile.
std::shared_ptr<const std::vector<std::string>> whole_environment();

/// What the password database says of a user; empty where it says nothing, and a relative home folder counts
/// as none.
struct user_account {
  std::string name;
  std::string home;
  int error = 0; ///< errno: the database could not be asked, and what it would say is not known
};

/// Blocks: a directory service may be asked over the network.
user_account user_account_of(uid_t user);

/// By name, or by number in digits, whether or not that is anybody's. None: there is no such user. Blocks for
/// a name, as above.
std::optional<uid_t> user_called(const std::string& name);
/// The same of a group.
std::optional<gid_t> group_called(const std::string& name);

/// $HOME; empty: there is none. A relative one counts as none: what it means would change with the working
/// folder.
std::string home_of_environment();
/// The same, else the password database's (which blocks); empty: there is none.
std::string home_folder();

/// `~` and `~/…` with the home folder in place of the tilde; anything else as it is. Where `home` is empty
/// that is a path from the root, where only root makes files: one that began in the working folder would be
/// anybody's to make.
std::string expand_home(const std::string& path, const std::string& home);
/// The same with this process's home folder.
std::string expand_home(const std::string& path);

} // namespace moorage
