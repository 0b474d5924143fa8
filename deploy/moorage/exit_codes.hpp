// What the program's exit codes mean. --help and the manual page print this table.
#pragma once

#include <array>
#include <string_view>

#include "messages/errors.hpp"

namespace moorage::cli {

enum exit_code : int {
  success = 0,
  failed = 1,
  wrong_usage = 2,
  wrong_config = 3,
  no_node = 4,
  refused = 5,
  exec_failed = 255,
};

struct exit_code_meaning {
  int code;
  std::string_view meaning;
};

inline constexpr std::array exit_code_meanings{
    exit_code_meaning{success, "done"},
    exit_code_meaning{failed, "failed for another reason, which standard error tells"},
    exit_code_meaning{wrong_usage, "wrong usage of the command line"},
    exit_code_meaning{wrong_config, "the configuration is wrong, or has no such cluster"},
    exit_code_meaning{no_node, "no node listens, it went away, or (serve) one listens already"},
    exit_code_meaning{refused, "refused: the cluster cannot be reached or denies the log-in, its pool is "
                               "full, or the wait was too long"},
};

inline constexpr std::string_view exec_exit_codes =
    "exec ends with the command's own exit code (its low byte, which is all that a process can end with; "
    "--json has "
    "it whole). It ends with 255, as ssh does, when there is none: the "
    "command was ended by a signal, the link failed, or the command could not be started (wrong usage and "
    "configuration included). A line on standard error tells these apart, and whether the command may have "
    "run.";

/// The exit code of every command but exec for a refusal.
int code_for(errc reason);

} // namespace moorage::cli
