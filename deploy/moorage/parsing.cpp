// From argv to options, and from CLI11's complaints to ours; and the tree as pages.
#include <algorithm>
#include <set>

#include <CLI/CLI.hpp>

#include "deploy/moorage/exit_codes.hpp"
#include "deploy/moorage/options.hpp"
#include "messages/written_values.hpp"

namespace moorage::cli {

namespace {

// The command that was being parsed when the error came up.
const CLI::App* innermost(const CLI::App* app) {
  auto chosen = app->get_subcommands();
  return chosen.empty() ? app : innermost(chosen.front());
}

std::string path_of(const CLI::App* app) {
  return app->get_parent() == nullptr ? "moorage" : path_of(app->get_parent()) + " " + app->get_name();
}

std::vector<std::string> spellings_of(const CLI::Option& option) {
  std::vector<std::string> result;
  for (const auto& name : option.get_snames())
    result.push_back("-" + name);
  for (const auto& name : option.get_lnames())
    result.push_back("--" + name);
  return result;
}

std::vector<std::string> known_words(const CLI::App* app, bool dashed) {
  std::vector<std::string> result;
  for (; app != nullptr; app = app->get_parent()) {
    if (!dashed)
      for (const auto* each : app->get_subcommands([](const CLI::App*) { return true; }))
        result.push_back(each->get_name());
    else
      for (const auto* option : app->get_options())
        for (auto& spelling : spellings_of(*option))
          result.push_back(std::move(spelling));
  }
  return result;
}

// The first of the words that should lead to a command and does not. CLI11 gives the help of what was found
// before it.
std::string unknown_command(const CLI::App* app, const std::vector<std::string>& path) {
  for (const auto& word : path) {
    auto next = app->get_subcommands([&word](const CLI::App* each) { return each->get_name() == word; });
    if (next.empty())
      return word;
    app = next.front();
  }
  return {};
}

// "LEVEL" of CLI11's "LEVEL:{debug,info}": the text says what is allowed.
std::string value_name(const CLI::Option& option) {
  auto result = option.get_type_name();
  return result.substr(0, result.find(':'));
}

// Whether the values that are given without a name can fill the option.
bool takes_many(const CLI::Option& option) {
  return option.get_items_expected_max() > 1;
}

} // namespace

command_line::parsing command_line::parse(int argc, const char* const* argv) {
  std::vector<std::string> words{argv + std::min(argc, 1), argv + argc};
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    if (auto unknown = unknown_command(app_.get(), words); !unknown.empty())
      return {true, wrong_usage, {}, "unknown command '" + unknown + "' (moorage --help)"};
    words.push_back("--help");
  }
  // What follows ssh is told apart as ssh does it, which is not CLI11's way.
  auto ssh = place_of_ssh(words);
  if (ssh != words.size()) {
    options_.ssh_words.assign(words.begin() + static_cast<std::ptrdiff_t>(ssh) + 1, words.end());
    words.resize(ssh + 1);
    auto help = !options_.ssh_words.empty() && options_.ssh_words.front() == "--help";
    words.emplace_back(help ? "--help" : "DESTINATION"); // in the place of the one among them
  }
  // What follows -- is the remote command's, to the letter.
  auto mark = std::find(words.begin(), words.end(), "--");
  auto marked = mark != words.end();
  std::vector<std::string> rest(marked ? mark + 1 : mark, words.end());
  words.erase(mark, words.end());
  auto wrong = [&](const std::string& text) {
    auto as_ssh = app_->got_subcommand("exec") || app_->got_subcommand("ssh");
    auto code = as_ssh ? static_cast<int>(exec_failed) : static_cast<int>(wrong_usage);
    return parsing{true, code, {}, text + " (" + path_of(innermost(app_.get())) + " --help)"};
  };
  try {
    std::reverse(words.begin(), words.end()); // as CLI11 wants it, which takes them off the end
    app_->parse(words);
  } catch (const CLI::CallForHelp&) {
    return {true, success, app_->help(), {}};
  } catch (const CLI::CallForVersion& version) {
    return {true, success, std::string{version.what()} + "\n", {}};
  } catch (const CLI::ParseError& error) {
    return wrong(complaint_about(error));
  }
  if (options_.which != command::exec)
    return marked ? wrong("-- is for the command of exec") : parsing{};
  options_.exec.words.insert(options_.exec.words.end(), rest.begin(), rest.end());
  if (options_.exec.words.empty())
    return wrong("no command; write it after --");
  return {};
}

/// Where the command ssh stands among the words, behind options of every command; their number: nowhere.
std::size_t command_line::place_of_ssh(const std::vector<std::string>& words) const {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!words[i].starts_with('-'))
      return words[i] == "ssh" ? i : words.size();
    if (words[i] == "--")
      break;
    auto known = app_->get_options([&](const CLI::Option* each) { return each->check_name(words[i]); });
    if (!known.empty() && known.front()->get_items_expected_max() > 0)
      ++i; // its value
  }
  return words.size();
}

std::string command_line::complaint_about(const std::exception& error) const {
  const auto* where = innermost(app_.get());
  auto has_commands = !where->get_subcommands([](const CLI::App*) { return true; }).empty();
  if (auto extras = app_->remaining(true); !extras.empty()) {
    const auto& word = extras.front();
    auto dashed = word.starts_with('-');
    auto is_command = !dashed && has_commands;
    auto text = (dashed       ? "unknown option '"
                 : is_command ? "unknown command '"
                              : "one argument too many: '") +
                word + "'";
    if (auto meant = did_you_mean(word, known_words(where, dashed)); (dashed || is_command) && !meant.empty())
      text += "; did you mean " + meant + "?";
    else if (dashed && where->get_name() == "exec")
      text += "; write -- before the command";
    return text;
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    if (has_commands)
      return "no command";
    for (const auto* option : where->get_options())
      if (option->get_required() && option->count() == 0)
        return option->get_name() + " is missing";
  }
  return error.what();
}

std::vector<std::string> command_line::choices_of(const CLI::Option& option) const {
  auto found = choices_.find(&option);
  return found != choices_.end() ? found->second : std::vector<std::string>{};
}

command_page command_line::page() const {
  return page_of(*app_, "");
}

std::string command_line::help_of(const CLI::App& app) const {
  return help_text(page_of(app, app.get_parent() == nullptr ? "" : path_of(app.get_parent())));
}

command_page command_line::page_of(const CLI::App& app, const std::string& path) const {
  auto result = texts_.at(&app);
  result.name = app.get_name();
  result.path = path.empty() ? result.name : path + " " + result.name;
  result.summary = app.get_description();
  for (const auto* option : app.get_options()) {
    if (option->get_positional())
      result.arguments.push_back({option->get_name(), option->get_description(), option->get_required(),
                                  takes_many(*option), choices_of(*option), app.get_name() == "ssh"});
    else if (option->get_group().empty())
      continue;
    else
      result.options.push_back({spellings_of(*option),
                                option->get_items_expected_max() == 0 ? "" : value_name(*option),
                                option->get_description(), choices_of(*option)});
  }
  for (const auto* each : app.get_subcommands([](const CLI::App*) { return true; }))
    result.commands.push_back(page_of(*each, result.path));
  return result;
}

} // namespace moorage::cli
