#include "runtime/ssh/login/attempts.hpp"

#include <string_view>
#include <utility>

#include "runtime/ssh/login/considered_keys.hpp"
#include "runtime/ssh/wire.hpp"

namespace moorage {

namespace {

constexpr const char* nothing_there = "there is nothing to log in with: ";

} // namespace

std::string method_names(int methods) {
  std::string names;
  constexpr std::pair<int, const char*> all[] = {{SSH_AUTH_METHOD_PUBLICKEY, "publickey"},
                                                 {SSH_AUTH_METHOD_PASSWORD, "password"},
                                                 {SSH_AUTH_METHOD_INTERACTIVE, "keyboard-interactive"},
                                                 {SSH_AUTH_METHOD_HOSTBASED, "hostbased"},
                                                 {SSH_AUTH_METHOD_GSSAPI_MIC, "gssapi-with-mic"}};
  for (auto [bit, name] : all)
    if (methods & bit)
      names += (names.empty() ? "" : ",") + std::string{name};
  return names.empty() ? "nothing that is known here" : names;
}

std::string hindrances(const credentials& with, const std::string& agent_problem) {
  std::string text;
  auto add = [&](const std::string& what) {
    if (!what.empty() && text.find(what) == std::string::npos)
      text += "; " + what;
  };
  for (const auto& problem : with.problems)
    add(problem);
  // What can be done at once is said here as well, the rest in the account of the keys.
  auto with_advice = [](const std::string& problem, bool wanted, const std::string& advice) {
    return problem.empty() || !wanted ? problem : problem + ": " + advice;
  };
  for (const auto& file : with.files) {
    add(with_advice(file.problem,
                    file.trouble == key_trouble::locked || file.trouble == key_trouble::readable_by_others ||
                        file.trouble == key_trouble::only_public,
                    advice_for(file)));
    add(with_advice(file.certificate_problem, file.certificate_state == certificate_trouble::ended,
                    advice_for_certificate(file)));
  }
  add(agent_problem);
  return text;
}

ssh_error nothing_to_offer(const credentials& with) {
  // A question that needs no password is only answered after something else was accepted.
  bool any = with.agent || with.password;
  for (const auto& file : with.files)
    any = any || file.private_key || file.certificate; // which may sign where the key by itself may not
  if (any)
    return {};
  auto why = hindrances(with, {});
  // That methods are left out is only half of the reason.
  if (with.methods.size() < usual_algorithms(algorithm_kind::log_in).size() && !why.empty())
    why += "; " + with.nothing_else;
  return {ssh_stage::prepare, ssh_failure::no_credentials,
          nothing_there + (why.empty() ? with.nothing_else : why.substr(std::string_view{"; "}.size()))};
}

void attempts::denied(const std::string& attempt) {
  denied_ = true;
  tried_.push_back(attempt + " denied");
}

void attempts::partly_accepted(const std::string& attempt) {
  accepted_ += attempt + ", then ";
}

void attempts::not_completed(const std::string& attempt, const std::string& why) {
  tried_.push_back(attempt + " not completed: " + why);
}

ssh_error attempts::failure(int methods_offered, const std::string& hindrances,
                            const std::string& nothing_else) const {
  const bool turned_down = denied_ || any_accepted();
  std::string text = turned_down ? "" : nothing_there;
  if (any_accepted())
    text += accepted_ + "more was asked for; ";
  for (const auto& attempt : tried_)
    text += attempt + "; ";
  text += "the server offers " + method_names(methods_offered) + hindrances;
  if (hindrances.empty() && tried_.empty())
    text += "; " + nothing_else;
  auto kind = cut_off_      ? ssh_failure::denied_too_often
              : turned_down ? ssh_failure::denied
                            : ssh_failure::no_credentials;
  return {ssh_stage::authenticate, kind, std::move(text)};
}

} // namespace moorage
