// A certificate that is near its end: `renew_command` is run, or was just run for another, and the files are
// read again.
#include "runtime/ssh/login/considered_keys.hpp"
#include "runtime/ssh/opening/preparation.hpp"
#include "runtime/ssh/opening/proxy_command.hpp"
#include "runtime/system/account.hpp"

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

/// What it holds is asked twice, here and by the log-in, since a server gives a log-in less time than a
/// command may take.
void preparation::look_at_agent() {
  looks_ = true;
  looks_since_ = time_point::min();
  turn_ = agent_queue::of_this_process().join(around_.agent_socket, wake_);
}

void preparation::go_on_looking() {
  if (!listing_.asked()) {
    if (!turn_.may_ask())
      return;
    listing_ = threads_.ask(
        {cluster_, "asking the agent at " + around_.agent_socket + " for its certificates"},
        [around = around_](const abandonment&) {
          return list_agent(expand_home(around.agent_socket, home_folder(around)));
        },
        wake_);
  }
  auto listing = listing_.take();
  if (!listing && !listing_.refusal())
    return;
  if (listing && listing->problem.empty())
    turn_.was_answered();
  looks_ = false;
  listing_ = {};
  turn_ = {};
  // One that cannot be asked is the log-in's to tell of.
  files_->renew = listing && any_near_its_end(listing->keys, files_->keys, settings_.certificate_warning);
  files_->renew ? renew() : accept_files();
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
  if (looks_ && !listing_.asked()) {
    if (looks_since_ == time_point::min())
      looks_since_ = now;
    const auto patience = settings_.agent_timeout;
    if (patience.count() > 0 && now - looks_since_ >= patience) {
      looks_ = false;
      turn_ = {};
      accept_files(); // the log-in has its own wait for it
      return {};
    }
    return {now - looks_since_ < agent_talk::told_after ? "" : "the agent, which asks for another log-in",
            patience.count() > 0 ? looks_since_ + patience : time_point::min()};
  }
  if (!renewing_.asked())
    return {};
  if (renewing_until_ == time_point::min())
    renewing_until_ = now + settings_.renew_timeout + renewal_patience;
  if (now < renewing_until_)
    return {"renew_command (a certificate is near its end)", renewing_until_};
  renewed({"renew_command was not heard of in time"});
  return {};
}

/// As they are.
void preparation::accept_files() {
  if (renewal_ == renewal_state::over && !files_->renew)
    renewals::of_this_process().judge(settings_.renew_command, true, files_->began);
  error_ = files_->error;
  // A server would deny it, and a denial ends all tries until somebody sees to it.
  if (auto ended = only_ended(files_->keys); !error_ && !warnings_.empty() && !ended.empty())
    error_ = {ssh_stage::prepare, ssh_failure::no_credentials,
              "the certificate " + ended + ", and there is no new one: " + warnings_.back()};
  if (error_)
    keys_ = considered_alone(files_->keys);
  if (!files_->keys.agent || error_)
    return;
  files_->keys.connect = threads_.ask(
      {cluster_, "connecting to the agent at " + around_.agent_socket},
      [around = around_](const abandonment&) {
        return connect_agent(expand_home(around.agent_socket, home_folder(around)));
      },
      wake_);
  files_->keys.line = [socket = around_.agent_socket, wake = wake_] {
    return agent_queue::of_this_process().join(socket, wake);
  };
}

} // namespace moorage
