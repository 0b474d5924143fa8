#include "runtime/config/openssh_answers.hpp"

#include <memory>
#include <utility>

#include "runtime/config/ssh_lines.hpp"

namespace moorage {

openssh_answer openssh_answers::to(const openssh_question& about, const std::string& file,
                                   const std::stop_token& stop) {
  std::promise<openssh_answer> ours;
  std::shared_future<openssh_answer> answer;
  auto question = words_for_openssh(about, file);
  {
    std::lock_guard guard{mutex_};
    auto [place, is_new] = known_.try_emplace(question);
    if (is_new)
      place->second = ours.get_future().share();
    else
      answer = place->second;
  }
  if (answer.valid())
    return answer.get();
  auto said = ask_openssh_about(about, file, openssh_patience, stop);
  ours.set_value(said);
  if (stop.stop_requested()) { // which may be another's no more
    std::lock_guard guard{mutex_};
    known_.erase(question);
  }
  return said;
}

bool may_be_host(const configuration& from, const openssh_question& about, const std::stop_token& stop) {
  openssh_answers own;
  auto& answers = from.ssh_answers ? *from.ssh_answers : own;
  const auto file = file_of(from.defaults.settings);
  auto said = answers.to(about, file, stop);
  const auto read = files_ssh_read(said.debugging);
  if (said.problem.code != errc::none || names_host(read))
    return true;
  auto of_nobody = may_say_more(read) ? answers.to({nobody, about.user, about.port}, file, stop) : said;
  return of_nobody.problem.code != errc::none || says_more(said.options, about.host, of_nobody.options);
}

void remember_openssh(configuration& of) {
  of.ssh_answers = std::make_shared<openssh_answers>();
}

} // namespace moorage
