// The commands, one file each.
#pragma once

#include "deploy/moorage/options.hpp"
#include "deploy/moorage/output.hpp"
#include "messages/errors.hpp"

namespace moorage::cli {

ending run_exec(const options& from);
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
