// Completion scripts. Each shell gets the whole tree as a table; cluster names are asked of the program when needed.
#include <algorithm>

#include "deploy/moorage/pages.hpp"

namespace moorage::cli {

namespace {

std::string single_quoted(const std::string& text) {
  std::string result = "'";
  for (auto c : text)
    if (c == '\'')
      result += "'\\''";
    else
      result += c;
  return result + "'";
}

std::string words(const std::vector<option_page>& options) {
  std::string result;
  for (const auto& option : options)
    for (const auto& spelling : option.spellings)
      result += (result.empty() ? "" : " ") + spelling;
  return result;
}

std::string names(const std::vector<command_page>& commands) {
  std::string result;
  for (const auto& each : commands)
    result += (result.empty() ? "" : " ") + each.name;
  return result;
}

std::vector<option_page> with_values(const command_page& page) {
  std::vector<option_page> result;
  for (const auto& option : page.options)
    if (!option.value.empty())
      result.push_back(option);
  for (const auto& each : page.commands)
    for (auto& option : with_values(each))
      result.push_back(std::move(option));
  return result;
}

std::string cases(const std::vector<option_page>& options, const std::string& value) {
  std::vector<std::string> spellings;
  for (const auto& option : options)
    if (value.empty() ? option.value != "FILE" && option.value != "LEVEL" : option.value == value)
      spellings.insert(spellings.end(), option.spellings.begin(), option.spellings.end());
  std::sort(spellings.begin(), spellings.end());
  spellings.erase(std::unique(spellings.begin(), spellings.end()), spellings.end());
  std::string result;
  for (const auto& each : spellings)
    result += (result.empty() ? "" : "|") + each;
  return result;
}

bool takes_cluster(const command_page& page) {
  return std::any_of(page.arguments.begin(), page.arguments.end(),
                     [](const auto& x) { return x.name == "CLUSTER"; });
}

constexpr const char* levels = "trace debug info warning error critical off";

// One line a command for a shell's case: what it offers after its path.
std::string bash_cases(const command_page& page, const std::string& path, const std::string& globals) {
  auto options = path.empty() ? words(page.options) : words(page.options) + " " + globals;
  auto offered = names(page.commands);
  if (page.name == "completion")
    offered = "bash zsh fish";
  auto result = "    " + single_quoted(path) + ") options=" + single_quoted(options) +
                " words=" + single_quoted(offered) + (takes_cluster(page) ? " clusters=yes" : "") + " ;;\n";
  for (const auto& each : page.commands)
    result += bash_cases(each, path.empty() ? each.name : path + " " + each.name, globals);
  return result;
}

std::string bash_script(const command_page& root) {
  auto values = with_values(root);
  return "# bash completion for moorage\n"
         "_moorage() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  local path= config= options= words= clusters= given= word i\n"
         "  COMPREPLY=()\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    word=${COMP_WORDS[i]}\n"
         "    case $word in\n"
         "      --) compopt -o default 2>/dev/null; return ;;\n"
         "      --config) config=${COMP_WORDS[i+1]}; ((i++)) ;;\n"
         "      " +
         cases(values, "FILE") + "|" + cases(values, "LEVEL") + "|" + cases(values, "") +
         ") ((i++)) ;;\n"
         "      -*) ;;\n"
         "      *) case \"$path\" in\n"
         "           '') path=$word ;;\n"
         "           admin) path=\"admin $word\" ;;\n"
         "           *) given=yes ;;\n"
         "         esac ;;\n"
         "    esac\n"
         "  done\n"
         "  case $previous in\n"
         "    " +
         cases(values, "FILE") +
         ") compopt -o filenames 2>/dev/null\n"
         "      mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return ;;\n"
         "    " +
         cases(values, "LEVEL") + ") mapfile -t COMPREPLY < <(compgen -W '" + levels +
         "' -- \"$current\"); return ;;\n"
         "    " +
         cases(values, "") +
         ") return ;;\n"
         "  esac\n"
         "  case $path in\n" +
         bash_cases(root, "", words(root.options)) +
         "  esac\n"
         "  if [[ $current == -* ]]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$current\")\n"
         "    return\n"
         "  fi\n"
         "  [[ -z $given ]] || return 0\n"
         "  if [[ -n $clusters ]]; then\n"
         "    words=$(moorage config --names ${config:+--config \"$config\"} 2>/dev/null)\n"
         "  fi\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
         "}\n"
         "complete -F _moorage moorage\n";
}

// zsh's description in brackets may hold no bracket and no colon of its own.
std::string zsh_description(std::string text) {
  if (auto end = text.find(". "); end != std::string::npos)
    text.resize(end);
  std::string result;
  for (auto c : text)
    result += c == '[' || c == ']' || c == ':' ? std::string{"\\"} + c : std::string{c};
  return result;
}

std::string zsh_options(const command_page& page) {
  std::string result;
  for (const auto& option : page.options)
    for (const auto& spelling : option.spellings) {
      auto action = option.value.empty()      ? std::string{}
                    : option.value == "FILE"  ? ":file:_files"
                    : option.value == "LEVEL" ? std::string{":level:("} + levels + ")"
                                              : ":" + option.value + ":";
      auto words = "*" + spelling;
      words.append("[").append(zsh_description(option.text)).append("]").append(action);
      result += " \\\n      " + single_quoted(words);
    }
  return result;
}

std::string zsh_function(const command_page& page, const std::string& name, const command_page& root) {
  auto own = zsh_options(page) + (page.path == "moorage" ? "" : zsh_options(root));
  if (!page.commands.empty()) {
    auto result = name + "() {\n  local -a commands=(\n";
    for (const auto& each : page.commands)
      result += "    " + single_quoted(each.name + ":" + zsh_description(each.summary)) + "\n";
    result +=
        "  )\n  local state line\n  _arguments -C" + own +
        " \\\n      '1:command:->command' '*::argument:->arguments'\n"
        "  case $state in\n    command) _describe command commands ;;\n    arguments) case $line[1] in\n";
    for (const auto& each : page.commands)
      result += "      " + each.name + ") " + name + "_" + each.name + " ;;\n";
    result += "    esac ;;\n  esac\n}\n\n";
    for (const auto& each : page.commands)
      result += zsh_function(each, name + "_" + each.name, root);
    return result;
  }
  auto result = name + "() {\n  _arguments" + own;
  auto place = 1;
  for (const auto& each : page.arguments) {
    auto action = each.name == "CLUSTER" ? "_moorage_clusters"
                  : each.name == "SHELL" ? "(bash zsh fish)"
                                         : " ";
    auto where = each.many ? std::string{"*"} : std::to_string(place++);
    result += " \\\n      " + single_quoted(where + ":" + each.name + ":" + action);
  }
  return result + "\n}\n\n";
}

std::string zsh_script(const command_page& root) {
  return "#compdef moorage\n"
         "# zsh completion for moorage\n"
         "_moorage_clusters() {\n"
         "  local -a names=(${(f)\"$(moorage config --names 2>/dev/null)\"})\n"
         "  compadd -a names\n"
         "}\n\n" +
         zsh_function(root, "_moorage", root) +
         "if [ \"$funcstack[1]\" = _moorage ]; then _moorage \"$@\"; else compdef _moorage moorage; fi\n";
}

std::string fish_options(const command_page& page, const std::string& condition) {
  std::string result;
  for (const auto& option : page.options) {
    result += "complete -c moorage" + condition;
    for (const auto& spelling : option.spellings)
      result += spelling.starts_with("--") ? " -l " + spelling.substr(2) : " -s " + spelling.substr(1);
    if (option.value == "LEVEL")
      result += std::string{" -x -a "} + single_quoted(levels);
    else if (!option.value.empty())
      result += option.value == "FILE" ? " -r -F" : " -x";
    result += " -d " + single_quoted(option.text.substr(0, option.text.find(". "))) + "\n";
  }
  return result;
}

std::string fish_script(const command_page& root) {
  std::string result = "# fish completion for moorage\ncomplete -c moorage -f\n" + fish_options(root, "");
  for (const auto& each : root.commands) {
    auto inside = " -n " + single_quoted("__fish_seen_subcommand_from " + each.name);
    result += "complete -c moorage -n __fish_use_subcommand -a " + each.name + " -d " +
              single_quoted(each.summary) + "\n" + fish_options(each, inside);
    if (takes_cluster(each) || each.name == "admin")
      result += "complete -c moorage" + inside + " -a '(moorage config --names 2>/dev/null)'\n";
    if (each.name == "completion")
      result += "complete -c moorage" + inside + " -a 'bash zsh fish'\n";
    for (const auto& action : each.commands)
      result += "complete -c moorage -n " +
                single_quoted("__fish_seen_subcommand_from " + each.name +
                              "; and not __fish_seen_subcommand_from " + names(each.commands)) +
                " -a " + action.name + " -d " + single_quoted(action.summary) + "\n";
  }
  return result;
}

} // namespace

std::string completion_script(const command_page& root, const std::string& shell) {
  return shell == "bash"   ? bash_script(root)
         : shell == "zsh"  ? zsh_script(root)
         : shell == "fish" ? fish_script(root)
                           : "";
}

} // namespace moorage::cli
