// A certificate that is near its end: `renew_command` is run, or was just run for another, and the files are
// read again.
#include "runtime/ssh/opening/preparation.hpp"
#include "runtime/ssh/opening/proxy_command.hpp"

namespace moorage {

namespace {

/// After which a run that is not heard of is given up, beyond its own time.
constexpr std::chrono::seconds renewal_patience{1};

} // namespace

/// Once for an opening: what a run did not mend, the next would not.
void preparation::renew() {
  if (renewal_ != renewal_state::none) {
    warnings_.push_back(renewals::of_this_process().judge(settings_.renew_command, false, files_->began));
    return accept_files();
  }
  renewal_ = renewal_state::asked;
  renewing_ = renewals::of_this_process().ask(
      threads_,
      {settings_.renew_command, proxy_shell(around_.shell), cluster_, settings_.renew_timeout, files_->began},
      std::chrono::steady_clock::now(), wake_);
  if (auto result = renewing_.take())
    renewed(*result);
}

void preparation::read_files_again() {
  files_.reset();
  files_pending_ = threads_.ask(
      {cluster_, "reading key files, known_hosts files and the secret store"},
      [settings = settings_, secrets = secrets_, around = around_,
       remembered = remembered_](const abandonment& sign) {
        auto begin = std::chrono::steady_clock::now();
        auto result = read(settings, secrets.get(), around, remembered.get(), sign);
        result.began = begin;
        result.took = std::chrono::steady_clock::now() - begin;
        return result;
      },
      wake_);
}

void preparation::renewed(const renewal& result) {
  renewing_ = {};
  renewal_ = renewal_state::over;
  if (result.problem.empty())
    return read_files_again();
  warnings_.push_back(result.problem);
  accept_files();
}

person_wait preparation::renewing(time_point now) {
  if (!renewing_.asked())
    return {};
  if (renewing_until_ == time_point::min())
    renewing_until_ = now + settings_.renew_timeout + renewal_patience;
  if (now < renewing_until_)
    return {"renew_command (a certificate is near its end)", renewing_until_};
  renewed({"renew_command was not heard of in time"});
  return {};
}

} // namespace moorage
