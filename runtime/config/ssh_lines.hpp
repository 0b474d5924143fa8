// Where an option stands in the files that ssh reads, for who has to change it there. ssh itself tells what
// it made of them, and not from where; but it names the files that it reads.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace moorage {

/// A name that no Host has but by a pattern that has every name.
inline constexpr const char* nobody = "moorage--no-such-host";

/// Of what `ssh -G -vvv` says on its standard error.
struct ssh_files_read {
  bool told = false;                 ///< it said what it read, or would have
  std::vector<std::string> files;    ///< each once
  std::vector<std::string> applied;  ///< Hosts of theirs, as "FILE line N"
  std::vector<std::string> patterns; ///< by which those were
  std::set<std::string> unmatched;   ///< each Match of theirs that was not applied, likewise
  bool matched = false;              ///< one was, be it by `all`
  /// The files of which nothing holds, since each Include of theirs stands under a Host or Match that was not
  /// applied.
  std::vector<std::string> idle;
};
ssh_files_read files_ssh_read(const std::string& said);

/// The lines of a file's text that have the option (in lower case), but those of a Host or Match that was not
/// applied: "FILE line N" each.
std::vector<std::string> lines_with(const std::string& option, const std::string& file,
                                    const std::string& text, const ssh_files_read& read);

/// "/home/me/.ssh/config line 3", or several; where no line is found, which files it must be in. `said`: by
/// ssh when it was asked by `file` (openssh_answer::debugging). Reads those files: blocks for as long as that
/// takes.
std::string where_it_stands(const std::string& said, const std::string& file, const std::string& option);

/// Whether it applied a Host by a pattern that does not have every name.
bool names_host(const ssh_files_read& read);
/// Whether it may have applied what is not every name's: not where it told of no such Host, nor of a Match.
bool may_say_more(const ssh_files_read& read);

} // namespace moorage
