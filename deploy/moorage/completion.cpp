// What may come next on a command line, and the shells' scripts, which ask for it: all that a shell shows
// comes from the table that --help comes from.
#include <algorithm>
#include <utility>

#include "deploy/moorage/pages.hpp"
#include "deploy/moorage/ssh_words.hpp"
#include "messages/printable.hpp"
#include "messages/settings_table.hpp"
#include "runtime/config.hpp"
#include "runtime/system/account.hpp"

namespace moorage::cli {

namespace {

struct candidate {
  std::string text;
  std::string summary;
};
using candidates = std::vector<candidate>;

/// A shell knows better how to list files.
const candidates shells_files{{":files", {}}};

std::string first_sentence(std::string_view text) {
  auto result = std::string{text.substr(0, text.find(". "))};
  if (result.ends_with('.'))
    result.pop_back();
  return result;
}

/// What the words before the last one lead to.
struct place {
  std::vector<const command_page*> path; ///< from the program's own page on
  const option_page* option = nullptr;   ///< whose value comes next
  std::size_t arguments = 0;             ///< given so far
  bool help = false;                     ///< moorage help …
  bool remote = false;                   ///< the command to run there has begun
  bool unknown = false;                  ///< no such command
  std::string config_file;
};

const option_page* find_option(const place& where, std::string_view spelling) {
  // The command's own first: -o of ssh is not ours.
  for (auto page = where.path.rbegin(); page != where.path.rend(); ++page)
    for (const auto& option : (*page)->options)
      if (std::find(option.spellings.begin(), option.spellings.end(), spelling) != option.spellings.end())
        return &option;
  return nullptr;
}

void pass_option(place& where, const std::string& word) {
  auto equals = word.find('=');
  if (word.starts_with("--config="))
    where.config_file = word.substr(equals + 1);
  else if (const auto* option = find_option(where, word); option != nullptr && !option->value.empty())
    where.option = option;
}

void pass_word(place& where, const std::string& word) {
  if (const auto* option = std::exchange(where.option, nullptr)) {
    if (option->spellings.back() == "--config")
      where.config_file = word;
    return;
  }
  const auto& commands = where.path.back()->commands;
  if (word == "--")
    where.remote = true;
  else if (word.starts_with('-'))
    pass_option(where, word);
  else if (where.path.size() == 1 && word == "help" && !where.help)
    where.help = true;
  else if (commands.empty())
    ++where.arguments;
  else if (auto next =
               std::find_if(commands.begin(), commands.end(), [&](const auto& x) { return x.name == word; });
           next != commands.end())
    where.path.push_back(&*next);
  else
    where.unknown = true;
}

/// Of the configuration alone: a node may be slow to answer, and whoever types does not wait.
candidates offer_clusters(const place& where) {
  candidates result;
  auto file = where.config_file.empty() ? find_config_file() : expand_home(where.config_file);
  if (file.empty())
    return result;
  auto read = try_load_config(file);
  for (const auto& each : read.value.clusters)
    result.push_back({each.settings.name, printable(hosts_in_words(each.settings))});
  return result;
}

candidates offer_settings(const std::string& word) {
  candidates result;
  auto equals = word.find('=');
  if (equals == std::string::npos) {
    for (const auto& field : cluster_fields())
      result.push_back({std::string{field.name} + "=", first_sentence(field.meaning)});
    return result;
  }
  const auto* field = find_cluster_field(word.substr(0, equals));
  if (field == nullptr)
    return result;
  if (field->type == setting_type::file || field->type == setting_type::file_list)
    return shells_files;
  for (auto choice : field->choices)
    result.push_back({word.substr(0, equals + 1).append(choice), {}});
  if (field->type == setting_type::boolean)
    for (const auto* choice : {"true", "false"})
      result.push_back({word.substr(0, equals + 1) + choice, {}});
  return result;
}

candidates offer_ssh_options() {
  candidates result;
  for (const auto& each : ssh_options())
    if (each.treatment != ssh_treatment::refused)
      result.push_back({std::string{each.name} + "=", std::string{each.values}});
  return result;
}

candidates offer_values(const option_page& option, const std::string& word) {
  candidates result;
  if (option.value == "FILE")
    return shells_files;
  if (option.value == "KEY=VALUE")
    return offer_settings(word);
  if (option.value == "OPTION")
    return offer_ssh_options();
  // Of several with commas between them the last is still being written.
  auto comma = option.value == "KINDS" ? word.rfind(',') : std::string::npos;
  auto before = comma == std::string::npos ? std::string{} : word.substr(0, comma + 1);
  for (const auto& choice : option.choices)
    result.push_back({before + choice, {}});
  return result;
}

candidates offer_options(const place& where, const std::string& word) {
  candidates result;
  auto equals = word.find('=');
  if (word.starts_with("--") && equals != std::string::npos) {
    const auto* option = find_option(where, word.substr(0, equals));
    if (option == nullptr || option->value.empty())
      return result;
    result = offer_values(*option, word.substr(equals + 1));
    for (auto& each : result)
      if (each.text != shells_files.front().text)
        each.text.insert(0, word, 0, equals + 1);
    return result;
  }
  std::vector<std::string> listed; // each command has a --help of its own
  for (auto page = where.path.rbegin(); page != where.path.rend(); ++page)
    for (const auto& option : (*page)->options)
      for (const auto& spelling : option.spellings)
        if (std::find(listed.begin(), listed.end(), spelling) == listed.end()) {
          listed.push_back(spelling);
          result.push_back({spelling, first_sentence(option.text)});
        }
  return result;
}

candidates offer_arguments(const place& where) {
  const auto& expected = where.path.back()->arguments;
  auto more = !expected.empty() && expected.back().many && !expected.back().behind_mark();
  if (where.arguments >= expected.size() && !more)
    return {};
  const auto& next = expected[std::min(where.arguments, expected.size() - 1)];
  if (next.name == "CLUSTER" || next.name == "DESTINATION")
    return offer_clusters(where);
  if (next.name == "FILE")
    return shells_files;
  if (next.many && next.unmarked)
    return shells_files;
  if (next.behind_mark())
    return {{"--", next.text}};
  candidates result;
  for (const auto& choice : next.choices)
    result.push_back({choice, {}});
  return result;
}

candidates offer_all(const place& where, const std::string& word) {
  if (where.unknown)
    return {};
  if (where.remote)
    return shells_files;
  if (where.option != nullptr)
    return offer_values(*where.option, word);
  if (word.starts_with('-') && !where.help)
    return offer_options(where, word);
  const auto& page = *where.path.back();
  if (page.commands.empty())
    return where.help ? candidates{} : offer_arguments(where);
  candidates result;
  for (const auto& each : page.commands)
    result.push_back({each.name, each.summary});
  return result;
}

constexpr const char* bash_script = R"(# bash completion for moorage
_moorage() {
  local candidate summary
  COMPREPLY=()
  while IFS=$'\t' read -r candidate summary; do
    case $candidate in
      :files) compopt -o default 2>/dev/null; return 0 ;;
      *=) compopt -o nospace 2>/dev/null ;;
    esac
    COMPREPLY+=("$candidate")
  done < <(moorage __complete_bash "${COMP_LINE:0:COMP_POINT}" "${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)
}
complete -F _moorage moorage
)";

constexpr const char* zsh_script = R"(#compdef moorage
# zsh completion for moorage
_moorage() {
  local candidate summary
  local -a whole begun
  moorage __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null | while IFS=$'\t' read -r candidate summary; do
    case $candidate in
      :files) compset -P '*='; _files; return ;;
      *=) begun+=("${candidate//:/\\:}:$summary") ;;
      *) whole+=("${candidate//:/\\:}:$summary") ;;
    esac
  done
  _describe moorage whole -- begun -S ''
}
if [ "$funcstack[1]" = _moorage ]; then _moorage "$@"; else compdef _moorage moorage; fi
)";

constexpr const char* fish_script = R"(# fish completion for moorage
function __moorage_complete
  set -l words (commandline -opc)
  set -e words[1]
  set -l current (commandline -ct)
  set -l answer (moorage __complete $words "$current" 2>/dev/null)
  if test "$answer" = :files
    set -l before (string match -r '.*=' -- "$current")
    for file in (__fish_complete_path (string replace -r '.*=' '' -- "$current"))
      echo "$before$file"
    end
  else if set -q answer[1]
    printf '%s\n' $answer
  end
end
complete -c moorage -f -a '(__moorage_complete)'
)";

} // namespace

std::string completions(const command_page& root, std::vector<std::string> words, std::size_t apart) {
  if (words.empty())
    words.emplace_back();
  place where;
  where.path = {&root};
  for (auto word = words.begin(); word + 1 != words.end(); ++word)
    if (!where.remote && !where.unknown)
      pass_word(where, *word);
  std::string result;
  for (const auto& each : offer_all(where, words.back())) {
    auto of_files = each.text == shells_files.front().text;
    if (of_files || each.text.starts_with(words.back()))
      result +=
          each.text.substr(of_files ? 0 : apart) + (each.summary.empty() ? "" : "\t" + each.summary) + "\n";
  }
  return result;
}

std::string completion_script(const std::string& shell) {
  return shell == "bash" ? bash_script : shell == "zsh" ? zsh_script : shell == "fish" ? fish_script : "";
}

} // namespace moorage::cli
