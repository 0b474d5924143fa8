// The commands, one file each.
#pragma once

#include "deploy/moorage/options.hpp"
#include "deploy/moorage/output.hpp"
#include "messages/errors.hpp"
#include "runtime/config.hpp"

namespace moorage::cli {

ending run_exec(const options& from);
/// What exec does, with a configuration that was read.
ending run_command(const options& from, const configuration& config);
ending run_ssh(const options& from);
ending run_status(const options& from);
ending run_check(const options& from);
ending run_bench(const options& from);
ending run_config(const options& from);
ending run_serve(const options& from);
ending run_admin(const options& from);
ending run_replay(const options& from);

/// Complains of a refusal, with advice on a line of its own, and ends with its code.
ending refuse(const failure& reason, const std::string& advice = {});

} // namespace moorage::cli
