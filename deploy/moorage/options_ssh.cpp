// `moorage ssh` as help, manual and completion have it; its words are parsed in ssh_words.cpp.
#include <string>

#include <CLI/CLI.hpp>

#include "deploy/moorage/options.hpp"
#include "deploy/moorage/ssh_words.hpp"

namespace moorage::cli {

namespace {

/// The options of ssh_config(5) that are treated so, in one line.
std::string listed(ssh_treatment wanted) {
  std::string result;
  for (const auto& each : ssh_options())
    if (each.treatment == wanted)
      result += (result.empty() ? "" : ", ") + std::string{each.name} +
                (each.values.empty() ? "" : " " + std::string{each.values});
  return result;
}

std::string refused_letters() {
  std::string result;
  for (const auto& each : ssh_letters())
    if (each.treatment == ssh_treatment::refused)
      result +=
          (result.empty() ? "-" : ", -") + std::string{each.letter} + " (" + std::string{each.text} + ")";
  return result;
}

} // namespace

void command_line::add_ssh() {
  auto* ssh = add(
      command::ssh, "ssh", "Run a command on a cluster, in the place of ssh",
      {.paragraphs =
           {"For programs that run ssh: they use the pools then, and what a node has open. Its words are "
            "those "
            "of ssh(1), and are taken as ssh takes them: options may follow the destination, up to the first "
            "word of the command. Options of moorage itself stand before ssh.",
            "DESTINATION is a cluster of the configuration, host, user@host, user@host:port or "
            "ssh://user@host:port. Options that change a cluster's settings make a pool of its own, which "
            "all calls with the same settings share; its name ends in a few letters and digits.",
            "A program that wants a path and no words is given moorage-ssh, which is the same as moorage "
            "ssh.",
            "It ends with the command's own exit code, and with 255 for everything else, but by the signal "
            "that "
            "interrupts it. The command has no terminal: -t is refused, and so is a call without a command.",
            "A log-in is tried three times where the cause may pass, each within ConnectTimeout; -o "
            "ConnectionAttempts=1 is for who wants one try, as ssh makes it.",
            "Options of ssh_config(5) (-o) that have their effect: " + listed(ssh_treatment::honoured) + ".",
            "Accepted as what is so anyway: " + listed(ssh_treatment::fixed) + "; other values are refused.",
            "Accepted, and change nothing: " + listed(ssh_treatment::idle) + ".",
            "Refused, since they would change what happens: " + listed(ssh_treatment::refused) +
                "; and of the letters " + refused_letters() + "."},
       .examples = {{"moorage ssh lumi squeue --me", "as ssh does it"},
                    {"scp -S moorage-ssh notes lumi:", "copy a file"},
                    {"rsync -e 'moorage ssh' -a run7 lumi:", "copy a folder"},
                    {"GIT_SSH_COMMAND='moorage ssh' git pull", "git"}}});
  ssh->add_option("DESTINATION", options_.cluster, "a cluster, or user@host")->required()->type_name("");
  ssh->add_option("COMMAND", options_.exec.words, "the command")->expected(-1)->type_name("");
  // For whoever reads or completes them alone.
  for (const auto& each : ssh_letters()) {
    if (each.treatment == ssh_treatment::refused)
      continue;
    auto name = std::string{"-"} + each.letter;
    if (each.value.empty())
      ssh->add_flag_function(
          name, [](std::int64_t) {}, std::string{each.text});
    else
      ssh->add_option_function<std::string>(
             name, [](const std::string&) {}, std::string{each.text})
          ->type_name(std::string{each.value});
  }
}

} // namespace moorage::cli
