// What the program offers to a shell that completes a command line, and the shells' scripts that ask for it.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <sys/stat.h>

#include "tests/cli/program.hpp"
#include "tests/support/real_sshd.hpp"

using namespace moorage::cli_tests;
using Catch::Contains;

namespace {

constexpr const char* two_clusters =
    "[clusters.lumi]\nhost = \"lumi.example.org\"\n[clusters.mahti]\nhost = \"h\"\n";

struct home_with_clusters {
  moorage::support::scratch_folder folder;

  home_with_clusters() {
    std::filesystem::create_directories(folder / ".config/moorage");
    write(".config/moorage/moorage.toml", two_clusters);
    std::filesystem::create_directory(folder / "bin");
    std::filesystem::create_symlink(MOORAGE_PROGRAM, folder / "bin/moorage");
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream{folder / name} << text;
    return folder / name;
  }
  finished moorage(std::vector<std::string> arguments) const {
    return run({std::move(arguments), folder.path()});
  }
  /// The program's own answer, whole.
  std::string offered(std::vector<std::string> words) const {
    words.insert(words.begin(), "__complete");
    auto answer = moorage(std::move(words));
    CHECK(answer.code == 0);
    CHECK(answer.error_output.empty());
    return answer.output;
  }
  /// The candidates alone, in one line.
  std::string names(std::vector<std::string> words) const {
    std::istringstream lines{offered(std::move(words))};
    std::string result;
    for (std::string line; std::getline(lines, line);)
      result += (result.empty() ? "" : " ") + line.substr(0, line.find('\t'));
    return result;
  }
  std::string script(const std::string& shell) const {
    return write("completion." + shell, moorage({"completion", shell}).output);
  }
  /// What a shell writes that runs `text` and finds the program in its PATH.
  std::string told_by(const std::string& shell, std::vector<std::string> options,
                      const std::string& text) const {
    auto path =
        (shell == "fish" ? "set -x PATH " + folder / "bin" + " " : "PATH=" + folder / "bin" + ":") + "$PATH";
    options.insert(options.end(), {"-c", path + "; cd " + folder.path() + "; " + text});
    auto answer = run({std::move(options), folder.path(), {}, {}, false, shell});
    CHECK(answer.error_output.empty());
    return answer.output;
  }
};

bool installed(const std::string& shell) {
  auto there = std::system(("command -v " + shell + " >/dev/null").c_str()) == 0;
  if (!there)
    WARN(shell + " is not installed");
  return there;
}

} // namespace

TEST_CASE("what may come next is offered from the table of --help, each with its summary") {
  home_with_clusters home;
  CHECK(home.offered({"st"}) == "status\tSay what the pools of the node do\n");
  CHECK(home.offered({"exec", "--ti"}) == "--timeout\tEnd the command after this time, such as 10min\n");
  CHECK(home.offered({"exec", "l"}) == "lumi\tlumi.example.org\n");
  CHECK(home.names({""}) == "exec ssh status check bench config serve admin replay completion man");
  CHECK(home.names({}) == home.names({""}));
  CHECK(home.names({"help", "admin", "ev"}) == "evict events");
  CHECK(home.names({"admin", "evict", "--e"}) == "--embedded");
  CHECK(home.names({"admin", "re"}) == "resume revoke resize reset reconnect record reload");
}

TEST_CASE("every command and option that help lists is offered") {
  home_with_clusters home;
  for (const auto& path : {std::vector<std::string>{}, {"exec"}, {"admin"}, {"admin", "evict"}, {"bench"}}) {
    auto with = [&path](const std::string& word) {
      auto words = path;
      words.push_back(word);
      return words;
    };
    auto offered = " " + home.names(with("")) + " " + home.names(with("-")) + " ";
    std::istringstream help{home.moorage(with("--help")).output};
    auto listed = 0;
    auto commands = false;
    for (std::string line; std::getline(help, line);) {
      if (!line.starts_with(' '))
        commands = line == "Commands:";
      std::istringstream words{line};
      for (std::string word;
           line.starts_with("  ") && words >> word && (commands || word.starts_with('-'));) {
        CHECK_THAT(offered, Contains(" " + word.substr(0, word.find(',')) + " "));
        ++listed;
        if (commands)
          break;
      }
    }
    CHECK(listed > 1);
  }
}

TEST_CASE("values are offered where all that may be given are known, and files are left to the shell") {
  home_with_clusters home;
  CHECK(home.names({"--log-level", "w"}) == "warning");
  CHECK(home.names({"exec", "--log-level=e"}) == "--log-level=error");
  CHECK(home.names({"completion", ""}) == "bash zsh fish");
  CHECK(home.offered({"-o", "strict_h"}).starts_with("strict_host_keys=\t"));
  CHECK(home.names({"-o", "strict_host_keys="}) ==
        "strict_host_keys=yes strict_host_keys=accept-new strict_host_keys=no");
  CHECK(home.names({"-o", "agent=t"}) == "agent=true");
  CHECK(home.names({"-o", "pool_size="}).empty());
  CHECK(home.names({"-o", "no_such="}).empty());
  CHECK(home.offered({"-o", "key_files=~/"}) == ":files\n");
  CHECK(home.offered({"--config", "mo"}) == ":files\n");
  CHECK(home.offered({"status", "--socket=/r"}) == ":files\n");
  CHECK(home.offered({"exec", "lumi", "--", "ls", "r"}) == ":files\n");
  CHECK(home.names({"exec", "--wait", "5"}).empty());
  CHECK(home.names({"exec", "--wait", "5s", "m"}) == "mahti");
  CHECK(home.names({"exec", "--json", "-v", "m"}) == "mahti");
  CHECK(home.names({"exec", "lumi", ""}) == "--");
  CHECK(home.names({"ssh", "-p", "22", "m"}) == "mahti");
  CHECK(home.names({"ssh", "-o", "ConnectT"}) == "ConnectTimeout=");
  CHECK(home.offered({"ssh", "lumi", "ls", "r"}) == ":files\n");
  CHECK(home.names({"admin", "evict", ""}) == "lumi mahti");
  CHECK(home.names({"admin", "evict", "lumi", ""}).empty());
  CHECK(home.names({"status", "lumi", ""}).empty());
  CHECK(home.names({"nosuch", ""}).empty());
  auto other = home.write("other.toml", "[clusters.puhti]\nhost = \"h\"\n");
  CHECK(home.names({"--config", other, "exec", ""}) == "puhti");
  CHECK(home.names({"exec", "--config=~/other.toml", ""}) == "puhti");
}

TEST_CASE(
    "a shell that completes gets an end and no complaint, whatever the words and the configuration are") {
  home_with_clusters home;
  auto wrong = home.write("wrong.toml", "[clusters.lumi\n");
  CHECK(home.names({"--config", wrong, "exec", ""}).empty());
  CHECK(home.names({"--config", home.folder / "none.toml", "exec", ""}).empty());
  auto pipe = home.folder / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(home.names({"--config", pipe, "exec", ""}).empty());
  for (const auto& words : {std::vector<std::string>{"="},
                            {"-o", "="},
                            {"=", "="},
                            {"--", "--", ""},
                            {"-o"},
                            {"--x="},
                            {"exec", "\xff\n"},
                            {"help", "help", ""},
                            {"--config", "", "exec", "", ""}})
    home.offered(words);
}

namespace {

/// A word of a shell's that is `text` to the letter.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (char c : text)
    result += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return result + "'";
}

/// How bash takes a line apart: at blanks, and at = : and @, each of which is a word. Quotes and backslashes
/// stay.
std::vector<std::string> taken_apart(const std::string& line) {
  std::vector<std::string> words{""};
  char within = '\0';
  auto begin_word = [&words] {
    if (!words.back().empty())
      words.emplace_back();
  };
  for (std::size_t i = 0; i < line.size(); ++i) {
    auto c = line[i];
    if (within == '\0' && c == ' ') {
      begin_word();
      continue;
    }
    auto separator = within == '\0' && std::string{"=:@"}.find(c) != std::string::npos;
    if (separator)
      begin_word();
    words.back() += c;
    if (c == '\\' && within != '\'' && i + 1 < line.size())
      words.back() += line[++i];
    else if (within != '\0' ? c == within : c == '\'' || c == '"')
      within = within == '\0' ? c : '\0';
    else if (separator && i + 1 < line.size())
      words.emplace_back();
  }
  return words;
}

/// What bash is offered for a line with the cursor at its end, or before `rest`.
struct bash_with_clusters : home_with_clusters {
  std::string file = script("bash");

  std::string complete(const std::string& line, const std::string& rest = {}) const {
    auto typed = taken_apart(line);
    auto words = taken_apart(line + rest);
    std::string text = "source " + file + "; COMP_WORDS=(";
    for (const auto& each : words)
      text += quoted(each) + " ";
    return told_by("bash", {"--norc"},
                   text + "); COMP_CWORD=" + std::to_string(typed.size() - 1) +
                       "; COMP_LINE=" + quoted(line + rest) + "; COMP_POINT=" + std::to_string(line.size()) +
                       "; _moorage; echo \"${COMPREPLY[*]}\"");
  }
};

} // namespace

TEST_CASE(
    "what bash takes apart at its separators is one word again, and only what bash replaces is offered") {
  bash_with_clusters home;
  home.write(".config/moorage/moorage.toml", "[clusters.\"me@host:22\"]\nhost = \"h\"\n");
  CHECK(home.complete("moorage -o strict_host_keys=y") == "yes\n");
  CHECK(home.complete("moorage -o strict_host_keys=") == "yes accept-new no\n");
  CHECK(home.complete("moorage -o strict_host_keys=yes exec ") == "me@host:22\n");
  CHECK(home.complete("moorage --log-level=w") == "warning\n");
  CHECK(home.complete("moorage exec me@ho") == "@host:22\n");
  CHECK(home.complete("moorage exec me@") == "@host:22\n");
  CHECK(home.complete("moorage exec me@host:2") == "22\n");
}

TEST_CASE("a word of bash's that stands apart stays apart, also after a separator") {
  bash_with_clusters home;
  CHECK(home.complete("moorage -o key_files= exec l") == "lumi\n");
  CHECK(home.complete("moorage exec -e FOO= ") == "lumi mahti\n");
  CHECK(home.complete("moorage exec -e FOO=  m") == "mahti\n");
}

TEST_CASE("bash's words are read without their quotes, as far as the cursor") {
  bash_with_clusters home;
  home.write("my conf.toml", "[clusters.puhti]\nhost = \"h\"\n");
  auto path = home.folder / "my conf.toml";
  auto escaped = path;
  escaped.insert(escaped.find(' '), "\\");
  for (const auto& spelling : {"'" + path + "'", "\"" + path + "\"", escaped}) {
    CHECK(home.complete("moorage --config " + spelling + " exec ") == "puhti\n");
    CHECK(home.complete("moorage --config=" + spelling + " exec ") == "puhti\n");
  }
  CHECK(home.complete("moorage exec 'l") == "lumi\n");
  CHECK(home.complete("moorage exec m", "umi -- ls") == "mahti\n");
  CHECK(home.complete("moorage exec ", "lumi -- ls") == "lumi mahti\n");
}

TEST_CASE("bash completes commands, options, values and the clusters of the configuration") {
  bash_with_clusters home;
  CHECK(home.complete("moorage st") == "status\n");
  CHECK(home.complete("moorage exec ") == "lumi mahti\n");
  CHECK(home.complete("moorage exec --wait 5s m") == "mahti\n");
  CHECK(home.complete("moorage exec --ti") == "--timeout\n");
  CHECK(home.complete("moorage --log-level w") == "warning\n");
  CHECK(home.complete("moorage admin ev") == "evict events\n");
  CHECK(home.complete("moorage admin evict l") == "lumi\n");
  CHECK(home.complete("moorage completion z") == "zsh\n");
  CHECK(home.complete("moorage status lumi ") == "\n");
  CHECK(home.complete("moorage --config ") == "\n");
}

TEST_CASE("zsh completes what bash does") {
  if (!installed("zsh"))
    return;
  home_with_clusters home;
  auto file = home.script("zsh");
  // The completion system's own functions, as they are called: zsh has them only where somebody types.
  auto complete = [&](const std::string& line) {
    return home.told_by("zsh", {"-f"},
                        "compdef() { }; compset() { print -n cut:; }; _files() { print files; }\n"
                        "_describe() { print -- $whole / $begun; }\n"
                        "source " +
                            file + "; words=(" + line +
                            "); CURRENT=$#words; PREFIX=$words[CURRENT]; _moorage");
  };
  CHECK(complete("moorage st") == "status:Say what the pools of the node do /\n");
  CHECK(complete("moorage exec ''") == "lumi:lumi.example.org mahti:h /\n");
  CHECK(complete("moorage exec 'l'") == "lumi:lumi.example.org /\n");
  CHECK(complete("moorage -o = exec l") == "lumi:lumi.example.org /\n");
  CHECK(complete("moorage --log-level w") == "warning: /\n");
  CHECK_THAT(complete("moorage -o strict_ho"), Contains("/ strict_host_keys=:"));
  CHECK(complete("moorage --config=m") == "cut:files\n");
  CHECK(complete("moorage status lumi ''") == "/\n");
}

TEST_CASE("fish completes what bash does") {
  if (!installed("fish"))
    return;
  home_with_clusters home;
  auto file = home.script("fish");
  auto complete = [&](const std::string& line) {
    return home.told_by("fish", {"--no-config"}, "source " + file + "; complete -C '" + line + "'");
  };
  CHECK(complete("moorage st") == "status\tSay what the pools of the node do\n");
  CHECK(complete("moorage exec ") == "lumi\tlumi.example.org\nmahti\th\n");
  CHECK(complete("moorage exec --wait 5s m") == "mahti\th\n");
  CHECK(complete("moorage --log-level w") == "warning\n");
  CHECK(complete("moorage -o strict_host_keys=y") == "strict_host_keys=yes\n");
  CHECK(complete("moorage status lumi ") == "");
  CHECK_THAT(complete("moorage --config compl"), Contains("completion.fish"));
}

TEST_CASE("every shell's completion script is there and short, and no other") {
  home_with_clusters home;
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    auto script = home.moorage({"completion", shell});
    CHECK(script.code == 0);
    CHECK_THAT(script.output, Contains("moorage __complete"));
    CHECK(std::count(script.output.begin(), script.output.end(), '\n') <= 20);
  }
  CHECK(home.moorage({"completion", "tcsh"}).code == 2);
}
