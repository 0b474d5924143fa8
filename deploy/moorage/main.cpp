// The program `moorage`.
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <malloc.h>
#include <moorage/version.hpp>
#include <unistd.h>

#include "deploy/moorage/commands.hpp"
#include "deploy/moorage/exit_codes.hpp"
#include "deploy/moorage/pools.hpp"
#include "deploy/moorage/signals.hpp"

namespace moorage::cli {

namespace {

// The manual's date: the day it is made, or the one that a reproducible build names.
std::string today() {
  auto when = std::time(nullptr);
  if (const char* epoch = std::getenv("SOURCE_DATE_EPOCH"))
    when = static_cast<std::time_t>(std::strtoll(epoch, nullptr, 10));
  std::tm day{};
  gmtime_r(&when, &day);
  std::string text(10, ' ');
  std::strftime(text.data(), text.size() + 1, "%Y-%m-%d", &day);
  return text;
}

ending run(const command_line& line) {
  const auto& from = line.parsed();
  switch (from.which) {
  case command::exec:
    return run_exec(from);
  case command::ssh:
    return run_ssh(from);
  case command::status:
    return run_status(from);
  case command::check:
    return run_check(from);
  case command::bench:
    return run_bench(from);
  case command::config:
    return run_config(from);
  case command::serve:
    return run_serve(from);
  case command::admin:
    return run_admin(from);
  case command::replay:
    return run_replay(from);
  case command::completion:
    return say(completion_script(from.shell));
  case command::man:
    return say(manual_page(line.page(), MOORAGE_VERSION, today()));
  case command::none:
    break;
  }
  return {wrong_usage, 0};
}

int run_program(int argc, const char* const* argv) {
  // Or a descriptor of ours would be taken for standard input or output.
  for (int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(standard, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
      return failed;
  // A heap for each thread would be a third of a millisecond of a command through a node, which has no use
  // for it.
  if (!makes_pools_here())
    mallopt(M_ARENA_MAX, 1);
  // A reader that has gone is an answer of write(2), not the end of a process that has connections to close.
  std::signal(SIGPIPE, SIG_IGN);
  // As a program's path that takes no words beside it (scp -S): the same as `moorage ssh`.
  std::vector<const char*> words{argv, argv + argc};
  if (argc > 0 && std::filesystem::path{argv[0]}.filename() == "moorage-ssh") {
    words.insert(words.begin() + 1, "ssh");
    words.push_back(nullptr);
    argc += 1;
    argv = words.data();
  }
  command_line line{argc > 1 ? argv[1] : ""};
  // Apart from the commands, since the words that follow are no command line as long as they are being
  // written.
  if (argc > 1 && std::string_view{argv[1]} == "__complete") {
    say(completions(line.page(), {argv + 2, argv + argc}));
    return success;
  }
  if (argc > 2 && std::string_view{argv[1]} == "__complete_bash") {
    auto typed = read_bash_line(argv[2], {argv + 3, argv + argc});
    say(completions(line.page(), std::move(typed.words), typed.apart));
    return success;
  }
  ending end;
  if (auto parsing = line.parse(argc, argv); parsing.finished) {
    if (!parsing.complaint.empty())
      complain(parsing.complaint);
    end = say(parsing.output, parsing.code);
  } else {
    end = run(line);
  }
  if (end.signal != 0)
    end_by_signal(end.signal);
  return end.code;
}

} // namespace

} // namespace moorage::cli

int main(int argc, char** argv) {
  return moorage::cli::run_program(argc, argv);
}
