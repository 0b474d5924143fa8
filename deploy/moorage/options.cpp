#include "deploy/moorage/options.hpp"

#include <algorithm>

#include <CLI/CLI.hpp>
#include <moorage/version.hpp>

#include "deploy/moorage/exit_codes.hpp"
#include "deploy/moorage/orders.hpp"
#include "messages/printable.hpp"
#include "messages/written_values.hpp"
#include "runtime/config.hpp"

namespace moorage::cli {

using std::chrono::milliseconds;

namespace {

milliseconds duration_of(const std::string& name, const std::string& written) {
  auto value = parse_duration(written);
  if (!value)
    throw CLI::ValidationError(
        name,
        "'" + written + "' is no duration such as 250ms, 30s, 5min or 1h30m, of at most a hundred years");
  return *value;
}

} // namespace

command_line::command_line(std::string_view first_word)
    : app_(std::make_unique<CLI::App>("SSH connections to clusters, kept ready and shared", "moorage")) {
  app_->require_subcommand(1);
  app_->fallthrough();
  app_->set_help_flag("-h,--help", "Say this and end. A command's own: moorage COMMAND --help");
  app_->set_version_flag("--version", "moorage " MOORAGE_VERSION, "Say the version and end");
  app_->formatter_fn([this](const CLI::App* app, std::string, CLI::AppFormatMode) { return help_of(*app); });
  auto& text = texts_[app_.get()];
  text.paragraphs = {
      "A pool keeps authenticated SSH connections to each cluster open and healthy, and lends "
      "them out. Commands use the "
      "pools of a running node (moorage serve) when there is one, so that they need not log "
      "in again; without one, each "
      "makes a pool of its own, or starts a node if the configuration says so (start in [node]).",
      "CLUSTER is a name from the configuration file, or user@host:port."};
  text.examples = {{"moorage check me@login.example.org", "does it work, and how long does each step take"},
                   {"moorage exec lumi -- squeue --me", "run a command; the exit code is the command's"},
                   {"moorage serve &", "keep connections for all later commands"},
                   {"moorage status", "see what the pools do"},
                   {"moorage config", "see the settings in force, and where each comes from"}};
  text.exit_codes = true;
  add_globals();
  const auto alone = first_word == "exec" || first_word == "ssh";
  if (!alone || first_word == "exec")
    add_exec();
  if (!alone || first_word == "ssh")
    add_ssh();
  if (alone)
    return;
  add_questions();
  add_bench();
  add_config();
  add_serve();
  add_admin();
  add_replay();
  add_generators();
}

command_line::~command_line() = default;

CLI::App* command_line::add(CLI::App& parent, const std::string& name, const std::string& summary,
                            command_page text) {
  auto* result = parent.add_subcommand(name, summary);
  result->set_help_flag("-h,--help", "Say this and end");
  texts_[result] = std::move(text);
  return result;
}

CLI::App* command_line::add(command which, const std::string& name, const std::string& summary,
                            command_page text) {
  auto* result = add(*app_, name, summary, std::move(text));
  result->callback([this, which] { options_.which = which; });
  return result;
}

void command_line::add_globals() {
  app_->add_option("--config", options_.config_file,
                   "Configuration file. Otherwise $MOORAGE_CONFIG, then ~/.config/moorage/moorage.toml, then "
                   "/etc/moorage/moorage.toml")
      ->type_name("FILE");
  app_->add_option(
          "-o", options_.settings,
          "Set a cluster's setting as in the configuration file, such as -o pool_size=2; may be repeated. "
          "Works embedded, since a node has its own settings")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->allow_extra_args(false) // the next word may be the cluster
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app_->add_option_function<std::string>(
          "-F,--ssh-config",
          [this](const std::string& file) { options_.settings.push_back("ssh_config=" + file); },
          "Read this file for Hosts in place of ~/.ssh/config and the system's; none: no file. As -o "
          "ssh_config=FILE")
      ->type_name("FILE");
  auto* socket =
      app_->add_option("--socket", options_.socket, "The node's socket; there must be a node on it");
  socket->type_name("FILE");
  auto* node = app_->add_option(
      "--node", options_.node,
      "A node that listens over TLS, by its address or its name in [nodes]; certificate, key and authority "
      "stand in [client] of the configuration. Otherwise $MOORAGE_NODE, then node in [client], then any of "
      "[nodes]");
  node->type_name("NODE")->excludes(socket)->check([](const std::string& address) {
    auto colon = address.rfind(':');
    auto port = address.substr(std::min(colon, address.size() - 1) + 1);
    auto sound = colon != std::string::npos && colon > 0 && !port.empty() && port.size() <= 5 &&
                 port.find_first_not_of("0123456789") == std::string::npos;
    auto name = address.find_first_of(":/ ") == std::string::npos; // whether there is one is seen later
    return address.empty() ? std::string{"is empty"}               // a variable that is not set
           : sound || name
               ? std::string{}
               : "'" + printable(address) + "' is no node's address: write HOST:PORT, or its name in [nodes]";
  });
  auto* embedded = app_->add_flag("--embedded", options_.embedded,
                                  "Use no node, but connections of our own for this one command");
  embedded->excludes(node);
  app_->add_flag("--json", options_.json, "Write JSON, for scripts; durations are in seconds");
  app_->add_flag("-v,--verbose", options_.verbose,
                 "Log to standard error what the pools do; twice: everything");
  app_->add_flag("-q,--quiet", options_.quiet, "Log errors only; twice: nothing");
  auto* level =
      app_->add_option("--log-level", options_.log_level,
                       "Log from this level on: trace, debug, info, warning, error, critical or off");
  level->type_name("LEVEL");
  set_choices(*level, log_levels());
}

void command_line::set_choices(CLI::Option& option, const std::vector<std::string>& choices) {
  option.transform(CLI::IsMember(choices, CLI::ignore_case));
  choices_[&option] = choices;
}

void command_line::add_cluster(CLI::App& to, bool required, const std::string& text) {
  to.add_option("CLUSTER", options_.cluster, text)->required(required)->type_name("");
}

void command_line::add_duration(CLI::App& to, const std::string& name, milliseconds& target,
                                const std::string& text) {
  auto take = [name, &target](const std::string& written) { target = duration_of(name, written); };
  to.add_option_function<std::string>(name, take, text)->type_name("DURATION");
}

void command_line::add_patience(CLI::App& to) {
  add_duration(to, "--wait", options_.patience,
               "How long to wait for a free connection, such as 30s; 0: not at all. Otherwise the cluster's "
               "acquire_timeout");
}

void command_line::add_exec() {
  auto* exec = add(
      command::exec, "exec", "Run a command on a cluster",
      {.paragraphs =
           {"Output comes as it is written, standard input is passed on. The words are joined with "
            "blanks and given to the login shell there, as ssh does. The command has no terminal.",
            "It ends, as ssh does, when the command has ended and nothing that it left behind holds its "
            "output open; --linger says how long that is waited for.",
            "A command that is given up (--timeout, Ctrl-C) is sent SIGTERM, and SIGKILL 2 s later; Ctrl-C "
            "does not wait for that. Servers pass signals on to ordinary users' commands only: not to "
            "root's, "
            "nor to forced ones.",
            "With --wait the command rides out an outage: while the cluster cannot be reached for a "
            "cause that may pass, it goes on trying until the time is up. Without it, the tries of "
            "connect_tries (three) must do.",
            std::string{exec_exit_codes}},
       .examples = {{"moorage exec lumi -- squeue --me", "one command"},
                    {"moorage exec lumi -- 'cd run7 && tail -f log' | head", "a shell line; ends with head"},
                    {"moorage exec lumi --quote -- grep 'two words' notes", "words as they are"},
                    {"moorage exec lumi -- 'cat > job.sh' < job.sh", "standard input"},
                    {"moorage exec lumi --json -- hostname", "outcome and output as JSON"}}});
  add_cluster(*exec, true);
  exec->add_option("COMMAND", options_.exec.words, "the command, after --")->expected(-1)->type_name("");
  exec->add_option("-e,--env", options_.exec.environment,
                   "Set an environment variable for the command; may be repeated")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_duration(*exec, "--timeout", options_.exec.timeout,
               "End the command after this time, such as 10min. It counts from when there is a connection, "
               "which --wait is for");
  add_duration(
      *exec, "--linger", options_.exec.linger,
      "How long to wait, after the command's end, for output of what it left behind, such as 10s; 0: not at "
      "all. Otherwise for as long as something holds it open");
  add_patience(*exec);
  exec->add_option("--label", options_.exec.label,
                   "Name of this use in lists of leases, in events and the log (exec and the process id)")
      ->type_name("TEXT");
  exec->add_option("--machine", options_.exec.machine,
                   "Run it on this machine of the cluster: a name of hosts, or an address of host's name, as "
                   "--json tells it")
      ->type_name("NAME");
  exec->add_flag("-n,--no-input", options_.exec.no_input, "Pass no standard input on");
  exec->add_flag("--quote", options_.exec.quote, "Quote each word, so that no shell splits or expands it");
}

void command_line::add_questions() {
  auto* status = add(command::status, "status", "Say what the pools of the node do",
                     {.paragraphs = {"Needs a node: pools of our own would be empty."},
                      .examples = {{"moorage status", "all pools"},
                                   {"moorage status lumi --json", "one pool, for a script"}},
                      .exit_codes = true});
  add_cluster(*status, false);
  auto* check = add(
      command::check, "check", "Connect to a cluster, and say how long each step took and which failed",
      {.paragraphs =
           {"Connects (or takes a connection that a node has open), probes it in the pool's own way, and "
            "gives it back. Where that way is a channel, which no process answers, it runs true as well; "
            "with --command it runs that instead of both. Where the cluster is several machines, it goes to "
            "each of them.",
            "It ends with 5 when the log-in is denied, for want of a credential to offer, too."},
       .examples = {{"moorage check lumi", "is it well"},
                    {"moorage check lumi --command 'test -w /scratch'", "can this be done there"},
                    {"moorage check lumi --embedded", "with a connection of our own, whatever a node has"}},
       .exit_codes = true});
  add_cluster(*check, true);
  add_patience(*check);
  check->add_option("--command", options_.check_command, "What to run, instead of the pool's own probe")
      ->type_name("COMMAND");
}

void command_line::add_bench() {
  auto* bench = add(
      command::bench, "bench", "Measure leases and commands a second on a cluster",
      {.paragraphs = {"Several callers at once acquire and release, then run a command under each lease. Be "
                      "considerate: it loads the login node."},
       .examples = {{"moorage bench lumi --time 2s --callers 4", "a short one"}},
       .exit_codes = true});
  add_cluster(*bench, true);
  add_duration(*bench, "--time", options_.bench.time, "Time of each of the two measurements (5s)");
  bench
      ->add_option("--callers", options_.bench.callers,
                   "Callers at once, 1 to 256 (twice the leases that the pool can give)")
      ->type_name("NUMBER")
      ->check(CLI::Range(1, 256));
  bench->add_option("--command", options_.bench.command, "What to run (true)")->type_name("COMMAND");
  add_patience(*bench);
}

void command_line::add_config() {
  auto* config = add(
      command::config, "config", "Show the settings in force, and where each comes from",
      {.paragraphs = {"Checks the configuration file and prints it whole, as TOML: every setting of every "
                      "cluster (or of one) with a comment that says where its value comes from.",
                      "An error in the file is told with line and column, and ends with the code 3."},
       .examples = {{"moorage config lumi -o pool_size=2", "what a command with this option would use"},
                    {"moorage config --sample", "a commented file to start from"}},
       .exit_codes = true});
  add_cluster(*config, false);
  config->add_flag("--names", options_.config.names, "Print the clusters' names only");
  config->add_flag("--sample", options_.config.sample, "Print a commented sample of the file");
}

void command_line::add_serve() {
  auto* serve = add(
      command::serve, "serve", "Keep the pools for other commands and programs of this user",
      {.paragraphs =
           {"Listens on a Unix-domain socket for its owner, and for the users and groups that [[access]] "
            "names, until it is ended by SIGTERM or "
            "Ctrl-C. SIGHUP reads the configuration again: clusters that are new or changed are taken over, "
            "those that are gone are closed; a file with an error changes nothing.",
            "With listen in [node] of the configuration it takes links from other machines besides, over TLS "
            "with a certificate on each side; what each client may do stands in [[access]], and is nothing "
            "otherwise. Certificates, keys, the list of the revoked and [[access]] are read again by a "
            "SIGHUP, while links live.",
            "Should the socket's file be removed, it listens on a new one within a second; it ends with an "
            "error when another node has taken its place.",
            "Under systemd it tells when it is ready (Type=notify), and serves the sockets that a .socket "
            "unit hands over, for as long as they are used: see idle_end in the configuration. One may be of "
            "the Unix domain; those of TCP take links over TLS, in place of listen in [node], whose "
            "certificate, key and authority they need. Who connects while no node is there waits for the "
            "next. Where the unit has WatchdogSec=, it gives signs of life for as long as its pools answer. "
            "moorage-node.service and moorage-node.socket, which come with moorage, are of a machine's node.",
            "With start = \"auto\" in [node] of the configuration, exec, ssh, check and bench start a node "
            "when "
            "they find "
            "none, in the background and in the environment of the command that does it, its agent included. "
            "Such a node asks nobody for anything: log-ins need a key without a passphrase, or an agent. "
            "What it "
            "logs goes to the file that [log] names, or nowhere. It ends when no command or program has used "
            "it "
            "for idle_end, or by moorage admin stop. If none can be started, that is said, and the command "
            "opens connections of its own. A cluster written as user@host:port is the node's, too, from its "
            "first use until the "
            "node ends, with the [defaults] of then. With --socket, --embedded or -o none is started."},
       .examples = {{"moorage serve &", "in the background of a session"},
                    {"systemctl --user enable --now moorage",
                     "always, with the unit that comes with moorage"},
                    {"systemctl --user enable --now moorage.socket", "when it is needed, by systemd"}},
       .exit_codes = true});
  add_duration(*serve, "--idle-end", options_.serve.idle_end,
               "End when no command or program has used the node for this time, such as 10min; 0: never. "
               "Otherwise never, or idle_end of the configuration for a socket of systemd's");
  serve->add_flag("--started", options_.serve.started)->group(""); // how `[node] start` does it
}

CLI::App* command_line::add_action(CLI::App& admin, const std::string& name, const std::string& summary,
                                   bool cluster_required) {
  auto* action = add(admin, name, summary, {.exit_codes = true});
  add_cluster(*action, cluster_required);
  action->callback([this, name] { options_.admin.action = name; });
  return action;
}

void command_line::add_argument(CLI::App& to, const order_argument& argument) {
  if (argument.flag != nullptr) {
    to.add_flag(argument.name, options_.admin.*argument.flag, argument.summary);
    return;
  }
  if (argument.text != nullptr) {
    auto* option = to.add_option(argument.name, options_.admin.*argument.text, argument.summary);
    option->required()->type_name("");
    if (argument.known != nullptr)
      choices_[option] = argument.known(); // offered; what is wrong with another, the pool says
    return;
  }
  if (argument.is_duration) {
    auto take = [this, &argument](const std::string& written) {
      options_.admin.number = static_cast<std::uint64_t>(duration_of(argument.name, written).count());
    };
    to.add_option_function<std::string>(argument.name, take, argument.summary)->required()->type_name("");
    return;
  }
  auto take = [this, &argument](const std::string& written) {
    auto digits = std::string_view{written};
    const std::string prefix = argument.prefix;
    if (!prefix.empty() && digits.starts_with(prefix))
      digits.remove_prefix(prefix.size());
    auto value = parse_count(digits);
    if (value && *value > argument.most)
      throw CLI::ValidationError(argument.name, "'" + written + "' is too large; the most is " +
                                                    std::to_string(argument.most));
    if (!value)
      throw CLI::ValidationError(argument.name, "'" + written + "' is no number" +
                                                    (prefix.empty() ? "" : " such as " + prefix + "3"));
    options_.admin.number = *value;
  };
  to.add_option_function<std::string>(argument.name, take, argument.summary)->required()->type_name("");
}

void command_line::add_replay() {
  auto* replay = add(
      command::replay, "replay", "Step through what a pool did, and prove that it would do the same again",
      {.paragraphs =
           {"Reads a recording, as moorage admin record has one written, and a pool that ends by a bug. It "
            "begins with all that the pool knew; each event that came after is given to a pool of our own, "
            "at the time it came, and what that does is compared with what was done. Nothing is connected "
            "to, and nobody is asked.",
            "Each step is shown with its number, the time since the first, the event and the effects. It "
            "ends with 0 when all effects were the same, and with 1 at the first step whose effects were "
            "not, or when the file is damaged.",
            "Only the version of moorage that wrote a recording can replay it. It has the cluster's "
            "settings, the names of leases and users, and what servers said, but no password, and no "
            "command's output: look at it before you send it to somebody."},
       .examples = {{"moorage replay $(moorage admin record lumi)", "what the pool of lumi did lately"},
                    {"moorage replay lumi.flight -q", "only whether it is the same"},
                    {"moorage replay lumi.flight --step 120 --state", "one step, and the pool after it"}},
       .exit_codes = true});
  replay->add_option("FILE", options_.replay.file, "the recording")->required()->type_name("");
  auto* one = replay->add_option("--step", options_.replay.step, "Show this step only");
  one->type_name("NUMBER")->check(CLI::Range(std::uint64_t{1}, UINT64_MAX));
  replay->add_option("--from", options_.replay.from, "Show the steps from this one on")
      ->type_name("NUMBER")
      ->excludes(one);
  replay->add_option("--to", options_.replay.to, "Show the steps up to this one")
      ->type_name("NUMBER")
      ->excludes(one);
  replay->add_flag("--state", options_.replay.state, "Show what the pool's state is after each step");
}

void command_line::add_generators() {
  auto* completion =
      add(command::completion, "completion", "Print a completion script for a shell",
          {.examples = {{"source <(moorage completion bash)", "bash, in ~/.bashrc"},
                        {"moorage completion zsh > ~/.zfunc/_moorage", "zsh, with ~/.zfunc in $fpath"},
                        {"moorage completion fish | source", "fish, in config.fish"}}});
  auto* shell = completion->add_option("SHELL", options_.shell, "bash, zsh or fish");
  shell->required()->type_name("");
  set_choices(*shell, {"bash", "zsh", "fish"});
  add(command::man, "man", "Print the manual page, in roff",
      {.examples = {{"moorage man | man -l -", "read it"}}});
}

} // namespace moorage::cli
