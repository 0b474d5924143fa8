// `moorage exec`: one command on a cluster, as if it ran here.
#include <array>
#include <atomic> // edge: see `sent`
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "deploy/moorage/advice.hpp"
#include "deploy/moorage/begun_command.hpp"
#include "deploy/moorage/commands.hpp"
#include "deploy/moorage/exit_codes.hpp"
#include "deploy/moorage/hops.hpp"
#include "deploy/moorage/present.hpp"
#include "deploy/moorage/reach.hpp"
#include "deploy/moorage/signals.hpp"
#include "deploy/moorage/ssh_wording.hpp"
#include "deploy/moorage/told_once.hpp"
#include "deploy/moorage/waiting.hpp"
#include "messages/error_words.hpp"
#include "messages/printable.hpp"

namespace moorage::cli {

namespace {

// Collected output of --json; as much as the library collects unless told otherwise.
constexpr std::size_t json_output_max = 16u << 20;

// What whoever ended the program waits to hear how the command ended. It goes on being ended afterwards.
constexpr std::chrono::milliseconds leave_after{250};

// Standard input on its way to the command, on a thread of its own: both sides may be slow.
class input_pump {
public:
  explicit input_pump(stream& to) : to_(to), wake_(eventfd(0, EFD_CLOEXEC)) {
    thread_ = std::jthread{[this](std::stop_token end) { pump(std::move(end)); }};
  }
  // The stream must have ended or been cancelled, which frees a write that waits for room.
  ~input_pump() {
    thread_.request_stop();
    std::uint64_t one = 1;
    [[maybe_unused]] auto written = write(wake_, &one, sizeof one);
    thread_.join();
    close(wake_);
  }
  input_pump(const input_pump&) = delete;
  input_pump& operator=(const input_pump&) = delete;

private:
  void pump(std::stop_token end) {
    std::array<char, 64 << 10> buffer{};
    while (!end.stop_requested()) {
      std::array<pollfd, 2> both{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{wake_, POLLIN, 0}};
      if (poll(both.data(), both.size(), -1) < 0 || both[1].revents != 0)
        continue;
      auto got = read(STDIN_FILENO, buffer.data(), buffer.size());
      if (got < 0 && (errno == EINTR || errno == EAGAIN))
        continue;
      if (got <= 0) {
        to_.end_input();
        return;
      }
      if (!to_.write({buffer.data(), static_cast<std::size_t>(got)}))
        return;
    }
  }

  stream& to_;
  int wake_;
  std::jthread thread_;
};

// Standard input is /dev/null, as scripts and timers have it: it needs no thread to read that.
bool has_no_input() {
  struct stat input {};
  return fstat(STDIN_FILENO, &input) == 0 && S_ISCHR(input.st_mode) && input.st_rdev == makedev(1, 3);
}

std::string quoted(const std::string& word) {
  std::string result = "'";
  for (auto c : word)
    if (c == '\'')
      result += "'\\''";
    else
      result += c;
  return result + "'";
}

std::string command_of(const exec_options& from) {
  std::string result;
  for (const auto& word : from.words)
    result += (result.empty() ? "" : " ") + (from.quote ? quoted(word) : word);
  return result;
}

failure make_request(const options& from, exec_request& request) {
  request.command = command_of(from.exec);
  request.subsystem = from.exec.subsystem;
  request.timeout = from.exec.timeout;
  request.wait_for_close = from.exec.linger.count() < 0;
  request.linger = from.exec.linger;
  for (const auto& each : from.exec.environment) {
    auto equals = each.find('=');
    if (equals == std::string::npos || equals == 0)
      return {errc::invalid_request, "--env takes NAME=VALUE, not '" + each + "'"};
    request.environment.push_back({each.substr(0, equals), each.substr(equals + 1), from.exec.as_ssh});
  }
  return {};
}

struct collected {
  std::string output;
  std::string error_output;
  bool cut = false;
  int unwritten = 0; ///< the errno of a write to stdout that failed
};

// What comes of a command's output: passed on, or kept for JSON. False: it cannot be written any more.
bool take(const stream::chunk& chunk, bool keep, collected& kept) {
  auto is_output = chunk.kind == output_kind::output;
  if (!keep) {
    // A closed stderr loses what is written there, and nothing else.
    if (put(is_output ? STDOUT_FILENO : STDERR_FILENO, chunk.bytes) || !is_output)
      return true;
    kept.unwritten = errno;
    return false;
  }
  auto room = json_output_max - kept.output.size() - kept.error_output.size();
  (is_output ? kept.output : kept.error_output).append(chunk.bytes, 0, room);
  kept.cut = kept.cut || chunk.bytes.size() > room;
  return true;
}

std::string names(const std::vector<std::string>& of) {
  std::string result;
  for (const auto& each : of)
    result += (result.empty() ? "" : ", ") + printable(each);
  return result;
}

// The command ended, and that is all there is to say of it: it was not we who ended it.
bool ended_by_itself(const outcome& ended) {
  return ended.kind == outcome_kind::exited && ended.cause.code == errc::none;
}

// The cluster is named once: most of the pool's own texts name it.
std::string about(const options& from, const std::string& cause) {
  auto named = cause.find("'" + from.cluster + "'") != std::string::npos;
  auto text = named ? cause : from.cluster + ": " + cause;
  return from.exec.as_ssh ? in_ssh_words(text) : text;
}

// What is to be mended first stands on a line of its own, since it may end with a command to copy.
void explain_never_sent(const options& from, errc code, const std::string& cause, const std::string& advice) {
  auto cluster = from.cluster + ": ";
  auto mend = "the command did not run; " + (advice.empty() ? "once that is mended, run it again" : advice);
  if (is_latched(code)) {
    complain(about(from, cause), lines::many);
    return complain(cluster + mend);
  }
  if (needs_mending(code))
    return complain(about(from, cause) + "; " + mend, lines::many);
  // That may be an address that is wrong, or a jump host's log-in.
  auto when = code == errc::connect_failed ? ", which helps once that has passed or is mended" : "";
  complain(about(from, cause) + "; the command did not run: it is safe to run it again" + when, lines::many);
  if (!advice.empty())
    complain(cluster + advice);
}

// Says what happened where an exit code cannot. `to_mend`: the code of what keeps it from running, if that is
// another's than its own.
void explain(const options& from, const outcome& ended, bool interrupted, const std::string& advice,
             errc to_mend) {
  auto cluster = from.cluster + ": ";
  auto cause = in_words(ended.cause);
  auto because =
      ended.cause.code == errc::none ? std::string{} : (interrupted ? "interrupted" : cause) + "; ";
  if (!ended.variables_refused.empty() && !from.exec.as_ssh)
    complain(cluster + "not set for the command: " + names(ended.variables_refused) +
             " (turned down by the server, or no names for a shell)");
  if (ended.kind == outcome_kind::signalled)
    complain(cluster + because + "the command was ended by signal " + printable(ended.signal));
  else if (ended.kind == outcome_kind::exited && !because.empty())
    complain(cluster + because + "the command ended with exit code " + std::to_string(ended.code) +
             (ended.output_open ? ", its output was still open" : ""));
  else if (ended.kind == outcome_kind::exited && ended.output_open)
    complain(cluster +
             "the command has ended, but something that it left behind holds its output open: what that "
             "writes from now on is lost");
  else if (interrupted && ended.kind == outcome_kind::maybe_ran)
    complain(cluster + "interrupted; the command may still run there");
  else if (ended.kind == outcome_kind::maybe_ran)
    complain(about(from, cause) + "; the command may have run: look before you run it again", lines::many);
  else if (interrupted && ended.kind == outcome_kind::never_sent)
    complain(cluster + "interrupted; the command did not run");
  else if (ended.kind == outcome_kind::never_sent)
    explain_never_sent(from, to_mend == errc::none ? ended.cause.code : to_mend, cause, advice);
}

/// What is told of an end beside the command's output.
struct end_told {
  std::string shown = {}; ///< the cause for people, with clusters as they were written
  std::string advice = {};
  errc to_mend = errc::none;
};

// `told` and `came`: by the cluster's own name, which may be made up; JSON has the names of jumps so, too.
ending report(const options& told, const outcome& came, const collected& kept, int signal,
              const end_told& with, const std::string& machine = {}) {
  auto from = told;
  auto ended = came;
  auto shown = with.shown;
  from.cluster = name_as_called(told);
  for (auto* text : {&ended.cause.text, &shown}) {
    replace_all(*text, "'" + told.cluster + "'", "'" + from.cluster + "'");
    // That is told of the command itself, which may not have been sent; and a program does not connect again.
    replace_all(*text, "; what ran on it may have run: connect again", "");
  }
  if (kept.unwritten != 0 && kept.unwritten != EPIPE) {
    complain(from.cluster + ": cannot write to standard output: " + std::strerror(kept.unwritten) +
             "; the command was cancelled and may have run in part");
    return {exec_failed, 0};
  }
  auto nobody_reads = kept.unwritten != 0;
  if (!nobody_reads) {
    auto for_people = ended;
    for_people.cause.text = shown;
    explain(from, for_people, signal != 0, with.advice, with.to_mend);
  }
  auto code = ended_by_itself(ended) ? ended.code & 255 : static_cast<int>(exec_failed);
  if (from.json) {
    auto object = to_json(ended);
    object["machine"] = machine.empty() ? nlohmann::ordered_json{} : nlohmann::ordered_json(machine);
    put_bytes(object, "output", kept.output);
    put_bytes(object, "error_output", kept.error_output);
    object["output_cut"] = kept.cut;
    auto end = say(json_text(object), code);
    if (end.signal == 0 && end.code != code)
      return {exec_failed, 0};
    nobody_reads = end.signal != 0;
  }
  if (ended_by_itself(ended) && !nobody_reads)
    return {code, 0};
  return {code, nobody_reads ? SIGPIPE : signal};
}

// By the names that its user knows.
ending report_refused(const options& from, pools_at_hand& reached, const failure& why, int signal) {
  // Whoever interrupts waits for no further answer.
  auto told = signal == 0 ? tell_refusal(from, why, reached) : refusal_told{why, why};
  return report(from, {outcome_kind::never_sent, 0, {}, std::move(told.reason)}, {}, signal,
                {std::move(told.shown.text), std::move(told.advice), told.to_mend});
}

ending work(const options& from, const configuration& config, pools_at_hand& reached, signal_watch& signals,
            std::atomic<bool>& sent, exec_request request) {
  auto& pools = *reached.pools;
  auto what = std::make_shared<command_to_begin>(std::move(request), sent);
  const auto* known = config.find(from.cluster);
  auto usual = (known != nullptr ? *known : config.defaults).settings.acquire_timeout;
  auto ran = begin_command(from, pools, signals, reached.took, usual, what);
  if (!ran && reached.of_node && !reached.distant && ran.error().code == errc::unknown_cluster) {
    if (auto unknown = make_known(pools, from, config, signals, ran.error()); unknown.code != errc::none) {
      refuse(unknown);
      return {exec_failed, 0};
    }
    ran = begin_command(from, pools, signals, reached.took, usual, what);
  }
  if (!ran)
    return report_refused(from, reached, ran.error(), signals.caught());
  auto& [lease, stream] = *ran;
  if (from.verbose > 0 && reached.of_node)
    tell_of_node(from, pools, reached.distant ? distant_node(from, config) : reached.socket, lease);
  std::set<std::string> told;
  tell_of_log_in(from, pools, lease, told);
  collected kept;
  auto begun = false;
  {
    std::stop_callback cancel{signals.token(), [&stream] { stream.cancel(leave_after); }};
    std::optional<input_pump> input;
    if (from.exec.no_input || has_no_input())
      stream.end_input();
    else
      try {
        input.emplace(stream);
      } catch (const std::system_error& none) {
        complain(name_as_called(from) + ": no thread to read standard input with: " + none.what() +
                 "; the command is cancelled (ulimit -u)");
        stream.cancel(leave_after);
      }
    for (stream::chunk chunk; stream.read(chunk);) {
      if (!std::exchange(begun, true))
        tell_of_log_in(from, pools, lease, told);
      if (kept.unwritten == 0 && !take(chunk, from.json, kept))
        stream.cancel(leave_after);
    }
    stream.cancel(leave_after);
  }
  auto ended = stream.ended();
  tell_of_log_in(from, pools, lease, told);
  auto machine = lease.machine();
  // What was seen to end took the lease with it. Else this waits for the answer, so that the pool does not
  // stop with the lease still out, nor takes it for one whose holder died; what became of it changes nothing.
  if (ended.kind == outcome_kind::never_sent || ended.kind == outcome_kind::maybe_ran)
    static_cast<void>(lease.release());
  const auto signal = signals.caught();
  auto shown = signal == 0 ? in_written_names(ended.cause, pools) : ended.cause.text;
  return report(from, ended, kept, signal, {std::move(shown)}, machine);
}

} // namespace

ending run_exec(const options& from) {
  auto config = read_configuration(from);
  return config ? run_command(from, *config) : ending{exec_failed, 0};
}

ending run_command(const options& from, const configuration& config) {
  // edge: the signals' thread asks.
  std::atomic<bool> sent = false;
  signal_manners manners;
  manners.last_words = [&from, &sent] {
    return name_as_called(from) + ": interrupted; the command " +
           (sent ? "may still run there" : "did not run");
  };
  signal_watch signals{std::move(manners)};
  exec_request request;
  if (auto wrong = make_request(from, request); wrong.code != errc::none) {
    complain(wrong.text);
    return {exec_failed, 0};
  }
  auto reached = reach_pools(from, config, signals);
  if (from.quiet < 2)
    for (const auto& each : from.exec.warnings)
      complain("warning: " + each);
  tell_not_followed(from, from.exec.not_followed);
  if (!reached.pools) {
    finish_telling();
    if (signals.caught() != 0) {
      complain(name_as_called(from) + ": interrupted; the command did not run");
      return {exec_failed, signals.caught()};
    }
    refuse(reached.reason);
    // The network's fault, or a node that is being started anew, may pass; what is wrong here does not.
    auto code = reached.reason.code;
    if (reached.distant && (code == errc::no_node || code == errc::node_lost))
      complain(name_as_called(from) + ": the command did not run: it is safe to run it again");
    return {exec_failed, 0};
  }
  if (!from.exec.note.empty())
    complain(from.exec.note);
  auto end = work(from, config, reached, signals, sent, std::move(request));
  finish_telling();
  // All that a node was owed it has answered, and the link's end tells it the rest; to take an actor system
  // apart would take as long again as all before.
  if (reached.of_node)
    end_at_once(end);
  reached.pools->stop();
  return end;
}

} // namespace moorage::cli
