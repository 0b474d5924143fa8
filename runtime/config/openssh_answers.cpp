#include "runtime/config/openssh_answers.hpp"

#include <chrono>
#include <memory>
#include <utility>

#include "runtime/config/ssh_lines.hpp"

namespace moorage {

namespace {

/// How often who waits for another's answer looks whether it is to stop.
constexpr std::chrono::milliseconds look_at_stop{20};

} // namespace

openssh_answer openssh_answers::to(const openssh_question& about, const std::string& file,
                                   const std::stop_token& stop) {
  const auto words = words_for_openssh(about, file);
  for (;;) {
    std::promise<told_answer> ours;
    std::shared_future<told_answer> others;
    {
      std::lock_guard guard{mutex_};
      auto [place, is_new] = known_.try_emplace(words);
      if (is_new)
        place->second = ours.get_future().share();
      else
        others = place->second;
    }
    if (!others.valid())
      return ask(about, file, stop, words, std::move(ours));
    while (others.wait_for(look_at_stop) != std::future_status::ready)
      if (stop.stop_requested())
        return ask_openssh_about(about, file, openssh_patience, stop); // which says so, and asks nothing
    if (auto answer = others.get())
      return *answer;
  }
}

openssh_answer openssh_answers::ask(const openssh_question& about, const std::string& file,
                                    const std::stop_token& stop, const question& as,
                                    std::promise<told_answer> tell) {
  told_answer said;
  // Whoever waits asks anew where this call was stopped, or ended by an exception.
  auto end = [&](told_answer answer) {
    if (!answer) {
      std::lock_guard guard{mutex_};
      known_.erase(as);
    }
    tell.set_value(std::move(answer));
  };
  try {
    said = ask_openssh_about(about, file, openssh_patience, stop);
  } catch (...) {
    end(std::nullopt);
    throw;
  }
  end(stop.stop_requested() ? std::nullopt : said);
  return *std::move(said);
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
