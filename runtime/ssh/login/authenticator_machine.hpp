// The authenticator's inside; see authenticator.hpp.
#pragma once

#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "runtime/ssh/login/agent_signer.hpp"
#include "runtime/ssh/login/agent_talk.hpp"
#include "runtime/ssh/login/attempts.hpp"
#include "runtime/ssh/login/authenticator.hpp"
#include "runtime/ssh/login/considered_keys.hpp"
#include "runtime/ssh/login/offers.hpp"
#include "runtime/ssh/opening/banner.hpp"

namespace moorage {

class authenticator::machine {
public:
  machine(ssh_session session, std::string user, credentials with)
      : session_(session), user_(std::move(user)), with_(std::move(with)), banner_(session),
        agent_(with_.agent, std::move(with_.connect), with_.agent_timeout, std::move(with_.line),
               with_.agent_socket),
        files_(offers_of_files(with_)) {}

  state step(time_point now);

  int agent_fd() const { return over_ ? -1 : agent_.fd(); }
  bool agent_wants_write() const { return agent_.wants_write(); }
  time_point next_due() const;
  person_wait person(time_point now) const;
  const std::string& text() const { return text_; }
  const certificate_used& certificate() const { return let_in_with_; }
  const ssh_error& error() const { return error_; }
  std::string waiting_for() const;
  bool signature_owed() const {
    return !unsigned_.empty() || (phase_ == phase::agent_signature && !agent_.queues());
  }
  ssh_error overdue(const std::string& begun) const;
  void hear(const std::function<void()>& poll);
  std::string banner() const { return banner_.text(); }
  std::vector<key_considered> keys() const;
  std::string agent_state() const { return agent_.told_state(); }

private:
  enum class phase { none, choosing, file, agent_pass, agent_signature, password, questions };

  /// Does one thing. True: there is more to do at once.
  bool advance(time_point now);
  bool choose();
  bool choose_file();
  bool choose_agent_key(bool named_certificates_alone);
  bool choose_key(bool& awaited);
  void allow_signatures(std::string_view blob);
  bool choose_password(int methods);
  bool choose_questions(int methods);
  bool step_file();
  bool step_agent(time_point now);
  bool step_questions();
  bool answer_questions();
  /// Folds in what the server said to the current try.
  bool decide(int result);
  bool set_aside(const std::string& why);
  bool no_signature(const std::string& fault, const std::string& advice = {});
  bool link_broke();
  bool give_up();
  bool enter(phase next, std::string trying);
  bool unlisted_spent(bool listed) const;
  std::string not_offered() const;
  void note_certificate();
  // authenticator_account.cpp
  reason_left why_left(bool listed) const;
  bool over_with_success() const { return !text_.empty(); }
  void note_denied();
  void note_rest(considered_keys& to) const;
  void note_agent(considered_keys& to) const;
  void finish();

  ssh_session session_;
  std::string user_;
  credentials with_;
  banner_collector banner_;
  agent_talk agent_;
  std::vector<file_key> files_;
  std::size_t next_file_ = 0;
  std::optional<agent_signer> signer_;
  std::vector<agent_key> agent_keys_; ///< in the order to try
  std::set<std::string> blobs_tried_;
  int unlisted_tries_ = 0;
  bool trying_unlisted_ = false;
  bool trying_touch_ = false; ///< the agent's key wants one
  time_point stepped_;
  bool password_sent_ = false;
  bool questions_tried_ = false;
  int rounds_ = 0;

  phase phase_ = phase::none;
  std::string trying_ = "none";
  offered_certificate certificate_; ///< of what is tried
  certificate_used let_in_with_;
  std::string unsigned_; ///< the first key that the agent was asked to sign with, and did not
  attempts attempts_;
  considered_keys considered_;
  std::string shown_;       ///< wire form of the key that is tried
  bool takes_keys_ = false; ///< the server has offered to
  bool cut_off_ = false;    ///< by the server, for the number of tries
  bool over_ = false;
  std::string text_;
  ssh_error error_;
};

} // namespace moorage
