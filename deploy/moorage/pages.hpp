// The command line as it is described: one page a command, taken from the tree that also parses. --help, the manual
// page and the shells' completions are all written from these.
#pragma once

#include <string>
#include <vector>

namespace moorage::cli {

struct option_page {
  std::vector<std::string> spellings; ///< "-v", "--verbose"
  std::string value;                  ///< "FILE"; empty: takes none
  std::string text;
};

struct argument_page {
  std::string name;
  std::string text;
  bool required = false;
  bool many = false;
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
/// A completion script; empty for an unknown shell.
std::string completion_script(const command_page& root, const std::string& shell);

/// Lines of at most `columns`, each begun with `indent` blanks but the first.
std::string wrap(const std::string& text, std::size_t columns, std::size_t indent);

} // namespace moorage::cli
