#include "tests/bench/empty_requests.hpp"

#include <filesystem>
#include <string>
#include <system_error>

namespace moorage::bench {

namespace {

caf::actor_system_config& shared_by(caf::actor_system_config& config, std::size_t threads) {
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", threads);
  return config;
}

void allow(const cpu_set_t& processors) {
  for (const auto& thread : std::filesystem::directory_iterator{"/proc/self/task"}) {
    auto id = std::stoi(thread.path().filename());
    if (::sched_setaffinity(id, sizeof processors, &processors) != 0 && errno != ESRCH) // it may have ended
      throw std::system_error(errno, std::generic_category(), "sched_setaffinity");
  }
}

} // namespace

empty_requests::empty_requests(const caf::actor_system& beside)
    : system_(shared_by(config_, caf::get_or(beside.config(), "scheduler.max-threads", std::size_t{2}))),
      echo_(system_.spawn([]() -> caf::behavior { return {[](int number) { return number; }}; })) {}

empty_requests::~empty_requests() {
  caf::anon_send_exit(echo_, caf::exit_reason::user_shutdown);
}

void empty_requests::ask(caf::scoped_actor& from) {
  from->request(echo_, caf::infinite, 1).receive([](int) {}, [](const caf::error&) {});
}

on_one_processor::on_one_processor() {
  if (::sched_getaffinity(0, sizeof before_, &before_) != 0)
    throw std::system_error(errno, std::generic_category(), "sched_getaffinity");
  cpu_set_t first;
  CPU_ZERO(&first);
  for (int processor = 0; processor < CPU_SETSIZE && CPU_COUNT(&first) == 0; ++processor)
    if (CPU_ISSET(processor, &before_))
      CPU_SET(processor, &first);
  allow(first);
}

on_one_processor::~on_one_processor() {
  allow(before_);
}

} // namespace moorage::bench
