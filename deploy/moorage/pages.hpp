// The command line as it is described: one page a command, taken from the tree that also parses. --help, the
// manual page and the shells' completions are all written from these.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace moorage::cli {

struct option_page {
  std::vector<std::string> spellings; ///< "-v", "--verbose"
  std::string value;                  ///< "FILE"; empty: takes none
  std::string text;
  std::vector<std::string> choices = {}; ///< all that may be given; empty: more than can be listed
};

struct argument_page {
  std::string name;
  std::string text;
  bool required = false;
  bool many = false;
  std::vector<std::string> choices = {}; ///< as an option's
  bool unmarked = false; ///< many, and all that follows is the remote command's without a mark

  /// The words of a remote command: any may be meant for it, so that they stand behind --.
  bool behind_mark() const { return many && name != "CLUSTER" && !unmarked; }
};

struct command_page {
  std::string path = {}; ///< "moorage admin pause"
  std::string name = {};
  std::string summary = {};
  std::vector<std::string> paragraphs = {};
  struct example {
    std::string line;
    std::string purpose;
  };
  std::vector<example> examples = {};
  std::vector<argument_page> arguments = {};
  std::vector<option_page> options = {};
  std::vector<command_page> commands = {};
  bool exit_codes = false; ///< lists them

  /// "moorage exec [OPTION…] CLUSTER -- COMMAND…"
  std::string usage() const;
};

/// What --help says.
std::string help_text(const command_page& page);
/// moorage(1) in roff. `date` is its date, as YYYY-MM-DD.
std::string manual_page(const command_page& root, const std::string& version, const std::string& date);
/// What the last of the words that follow `moorage` may become, a line each: the candidate, a tab and its
/// summary where it has one, or ":files" for the shell's own list of files. Clusters are those of the
/// configuration; nobody is asked. Of a candidate the first `apart` bytes are left out.
std::string completions(const command_page& root, std::vector<std::string> words, std::size_t apart = 0);
/// What has been typed after `moorage`, each word as the program would get it.
struct bash_line {
  std::vector<std::string> words;
  /// How much of the last word stands before what bash replaces, which an @ belongs to and the other
  /// separators do not.
  std::size_t apart = 0;
};
/// Of the line up to the cursor, and its words as bash took it apart, the program's name the first: quoted as
/// they are typed, and with words of their own for = : and @, which belong to their neighbours where no blank
/// is between.
bash_line read_bash_line(std::string_view line, const std::vector<std::string>& words);
/// The script by which a shell asks for them; empty for an unknown shell.
std::string completion_script(const std::string& shell);

/// Lines of at most `columns`, each begun with `indent` blanks but the first.
std::string wrap(const std::string& text, std::size_t columns, std::size_t indent);

} // namespace moorage::cli
