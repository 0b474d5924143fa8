// The manual page, in the man(7) macros.
#include <string_view>

#include "deploy/moorage/exit_codes.hpp"
#include "deploy/moorage/pages.hpp"
#include "messages/error_words.hpp"
#include "messages/events.hpp"
#include "messages/settings_table.hpp"
#include "messages/settings_text.hpp"
#include "messages/status.hpp"
#include "runtime/config.hpp"
#include "runtime/config/fields.hpp"

namespace moorage::cli {

namespace {

// Text for roff: nothing in it is a command, and a dash is the one that can be typed.
std::string escaped(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = text[i];
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else if (text.substr(i).starts_with("…"))
      result += "...", i += 2;
    else if ((c == '.' || c == '\'') && (i == 0 || text[i - 1] == '\n'))
      (result += "\\&") += c;
    else
      result += c;
  }
  return result;
}

// One sentence a line, as roff wants it.
std::string sentences(std::string_view text) {
  std::string result;
  for (std::size_t from = 0; from < text.size();) {
    auto end = text.find(". ", from);
    auto sentence = text.substr(from, end == std::string_view::npos ? end : end + 1 - from);
    result += escaped(sentence) + "\n";
    from = end == std::string_view::npos ? text.size() : end + 2;
  }
  return result;
}

std::string bold(std::string_view text) {
  return "\\fB" + escaped(text) + "\\fR";
}
std::string italic(std::string_view text) {
  return "\\fI" + escaped(text) + "\\fR";
}

std::string synopsis(const command_page& page) {
  auto result = bold(page.path) + (page.options.empty() ? "" : " [" + italic("OPTION…") + "]");
  if (!page.commands.empty())
    result += " " + italic("COMMAND");
  for (const auto& each : page.arguments) {
    auto name = italic(each.name + (each.many ? "…" : ""));
    result += each.behind_mark() ? " " + bold("--") + " " + name
              : each.required    ? " " + name
                                 : " [" + name + "]";
  }
  return result;
}

std::string option_list(const command_page& page) {
  std::string result;
  for (const auto& option : page.options) {
    result += ".TP\n";
    for (const auto& spelling : option.spellings)
      result += (&spelling == &option.spellings.front() ? "" : ", ") + bold(spelling);
    result += (option.value.empty() ? "" : " " + italic(option.value)) + "\n" + sentences(option.text);
  }
  return result;
}

std::string example_list(const command_page& page) {
  std::string result;
  for (const auto& each : page.examples)
    result += ".TP\n" + bold(each.line) + "\n" + escaped(each.purpose) + "\n";
  return result;
}

std::string command_section(const command_page& page) {
  auto result = ".SS " + escaped(page.path.substr(page.path.find(' ') + 1)) + "\n" + synopsis(page) +
                "\n.PP\n" + sentences(page.summary + ".");
  for (const auto& each : page.paragraphs)
    result += ".PP\n" + sentences(each);
  for (const auto& each : page.arguments)
    result += ".TP\n" + italic(each.name) + "\n" + sentences(each.text);
  command_page options = page;
  // -h is the same everywhere.
  std::erase_if(options.options, [](const option_page& x) { return x.spellings.front() == "-h"; });
  result += option_list(options);
  for (const auto& each : page.commands) {
    result += ".TP\n" + bold(each.name);
    for (const auto& argument : each.arguments)
      result += " " + (argument.required ? italic(argument.name) : "[" + italic(argument.name) + "]");
    result += "\n" + sentences(each.summary);
  }
  return result + example_list(page);
}

std::string exit_code_section() {
  std::string result = ".SH EXIT STATUS\n";
  for (const auto& each : exit_code_meanings)
    result += ".TP\n" + bold(std::to_string(each.code)) + "\n" + sentences(each.meaning);
  return result + ".PP\n" + sentences(exec_exit_codes);
}

std::string node_setting(const setting_rules& field, const setting_value& usual) {
  return ".TP\n" + bold(field.name) + " = " + italic(format_value(field, usual)) + "\n" +
         sentences(field.meaning) + "This is the default.\n" +
         sentences("Allowed: " + allowed_values(field) + ".") +
         (field.ssh_name.empty() ? ""
                                 : sentences("As " + std::string{field.ssh_name} + " of ssh_config(5)."));
}

constexpr std::string_view other_machines =
    ".SS Other machines\n"
    "A node with\n.B listen\n= \\(dqADDRESS:PORT\\(dq in [node], or a list of them, takes links over TLS 1.3 "
    "there, "
    "with a certificate on each side:\n.BR certificate ,\n.BR key ,\n.B authority\nand, if wanted,\n.B "
    "revoked\nname "
    "PEM files.\n"
    "What a client may do is said by tables [[access]], and by nothing else:\n.B certificate\n= "
    "\\(dquri:\\(dq, \\(dqdns:\\(dq or \\(dqsubject:\\(dq and a name of the client's certificate,\n.B "
    "clusters\n(names, in "
    "which * and ? stand for any text and any character) and\n.B allow\n(of \\(dquse\\(dq, "
    "\\(dqobserve\\(dq, "
    "\\(dqadmin\\(dq).\nIn place of certificate\n.B user\nor\n.B group\nnames who of the node's own machine "
    "may use "
    "its Unix-domain socket; they name its user as\n.B socket_user\nin [client].\n"
    "A reload reads all of them again but\n.BR listen .\n"
    "A client names the node in [client]:\n.B node\n= \\(dqHOST:PORT\\(dq, with\n.BR certificate ,\n.B "
    "key\nand\n"
    ".BR authority ;\n"
    "$MOORAGE_NODE and\n.B \\-\\-node\nname another one, with the same files.\n";

std::string settings_section() {
  std::string result = ".SH CONFIGURATION\n"
                       "The file is in TOML: a table [clusters.\\fINAME\\fR] for each cluster, which needs a "
                       "host; [defaults] for what all "
                       "start from; [limits] with\n"
                       ".BR connects_at_once \nand\n.BR probes_at_once ;\n[node] with\n"
                       ".BR socket ,\n.BR start \nand\n.BR idle_end ;\n"
                       "[log] with\n"
                       ".B level\nand\n.BR file .\n"
                       "Durations are written \\(dq250ms\\(dq, \\(dq30s\\(dq, \\(dq5min\\(dq, "
                       "\\(dq1h30m\\(dq; sizes \\(dq16MiB\\(dq or in "
                       "bytes.\n"
                       "A key that is unknown, a value of the wrong type or out of range, and a key file "
                       "that is not there are errors; all "
                       "that is wrong with a file is told at once.\n"
                       "A node reads the file again when it gets SIGHUP.\n"
                       "What a change does to open connections is said below; where nothing is said, it "
                       "holds from then on.\n";
  std::string_view section;
  for (const auto& field : cluster_fields()) {
    if (field.section != section)
      result += ".SS " + escaped(section = field.section) + "\n";
    result += ".TP\n" + bold(field.name) + " = " +
              italic(field.example.empty() ? format_value(field, field.get(cluster_settings{}))
                                           : std::string{field.example});
    result += "\n" + sentences(field.meaning);
    if (field.example.empty())
      result += "This is the default.\n";
    if (auto range = allowed_range(field); !range.empty())
      result += sentences("Allowed: " + range + ".");
    else if (!field.choices.empty())
      result += sentences("Allowed: " + allowed_values(field) + ".");
    result += sentences(change_in_words(field));
    if (!field.ssh_name.empty())
      result += sentences("As " + std::string{field.ssh_name} + " of ssh_config(5).");
  }
  return result + ".SS The node\n" + node_setting(node_start_rules(), std::uint64_t{0}) +
         node_setting(node_idle_end_rules(), configuration{}.node_idle_end) + std::string{other_machines};
}

template <class Rows>
std::string meanings(const Rows& rows) {
  std::string result;
  for (const auto& each : rows)
    result += ".TP\n" + bold(each.name) + "\n" + sentences(each.meaning);
  return result;
}

std::string errors_section() {
  std::string result = ".SH ERRORS\nThe codes of refusals, as \\fB\\-\\-json\\fR has them, with the exit "
                       "code of every command but "
                       "exec.\n";
  auto rows = error_rows();
  for (std::size_t i = 0; i < rows.size(); ++i)
    result += ".TP\n" + bold(rows[i].name) + " (" + std::to_string(code_for(static_cast<errc>(i + 1))) +
              ")\n" + sentences(rows[i].meaning);
  return result;
}

std::string events_section() {
  return ".SH EVENTS\nWhat the log and \\fBmoorage admin events\\fR tell:\n" + meanings(event_rows) +
         ".PP\nA connection leaves its pool for one of these reasons:\n" + meanings(removal_rows);
}

std::string counters_section() {
  return ".SH COUNTERS\nWhat \\fBmoorage status \\-\\-json\\fR counts for each pool since it began, with the "
         "connections "
         "that left by the reasons above:\n" +
         meanings(counter_rows);
}

constexpr std::string_view files_section =
    ".SH FILES\n"
    ".TP\n.I ~/.config/moorage/moorage.toml\n"
    "The configuration; $XDG_CONFIG_HOME/moorage/moorage.toml where that is set.\n"
    ".TP\n.I /etc/moorage/moorage.toml\n"
    "The configuration of users who have none.\n"
    ".TP\n.I $XDG_RUNTIME_DIR/moorage/node.sock\n"
    "Where the node listens unless told otherwise.\n"
    ".TP\n.I ~/.local/state/moorage/CLUSTER\\-TIME.flight\n"
    "Recordings of pools, for moorage replay; $XDG_STATE_HOME/moorage where that is set.\n"
    ".TP\n.I ~/.local/state/moorage/told/\n"
    "An empty file for each thing that exec and ssh tell only the first time, as what of ssh's configuration "
    "is not followed. Without the folder all is told anew.\n"
    ".SH ENVIRONMENT\n"
    ".TP\n.B MOORAGE_CONFIG\n"
    "Names the configuration file.\n"
    ".TP\n.B SSH_AUTH_SOCK\n"
    "The socket of the authentication agent.\n"
    ".TP\n.B NO_COLOR\n"
    "Set to anything: no colours on a terminal.\n"
    ".SH SEE ALSO\n"
    ".BR ssh (1),\n"
    ".BR ssh\\-agent (1),\n"
    ".BR ssh_config (5)\n";

} // namespace

std::string manual_page(const command_page& root, const std::string& version, const std::string& date) {
  auto result = ".TH MOORAGE 1 " + date + " \"moorage " + version +
                "\" \"User Commands\"\n.SH NAME\nmoorage \\- " + escaped(root.summary) + "\n.SH SYNOPSIS\n";
  auto first = true;
  for (const auto& each : root.commands) {
    result += (first ? "" : ".br\n") + synopsis(each) + "\n";
    first = false;
  }
  result += ".SH DESCRIPTION\n";
  for (const auto& each : root.paragraphs)
    result += (&each == &root.paragraphs.front() ? "" : ".PP\n") + sentences(each);
  result += ".SH OPTIONS\nThese go before or after the command.\n" + option_list(root) + ".SH COMMANDS\n";
  for (const auto& each : root.commands)
    result += command_section(each);
  return result + exit_code_section() + settings_section() + errors_section() + events_section() +
         counters_section() + ".SH EXAMPLES\n" + example_list(root) + std::string{files_section};
}

} // namespace moorage::cli
