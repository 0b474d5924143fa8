// An actor in a host's own actor system that has a command run: one message acquires a lease, runs the
// command under it and gives the lease back, and one tells what became of it.
//   actor CLUSTER COMMAND
#include <caf/all.hpp>
#include <iostream>
#include <string>

#include <moorage/actors.hpp>

using namespace std::chrono_literals;

caf::behavior asker(caf::event_based_actor* self, const moorage::runtime& rt, std::string cluster,
                    std::string command) {
  self->send(moorage::session_of(rt, self), // an actor that asks for more keeps it
             moorage::run_once{.from = {.cluster = std::move(cluster), .call = 1, .patience = 30s},
                               .what = {.command = std::move(command)}});
  return {[self](const moorage::run_ended& end) {
    std::cout << end.result.output << to_string(end.result.ended) << '\n';
    self->quit();
  }};
}

int main(int argc, char** argv) try {
  if (argc != 3)
    return std::cerr << "usage: actor CLUSTER COMMAND\n", 2;
  caf::actor_system_config settings;
  settings.set("scheduler.policy", caf::atom("sharing"));
  moorage::runtime::configure(settings); // before the system is made
  caf::actor_system system{settings};
  moorage::runtime rt{system, moorage::load_config(moorage::find_config_file())};
  caf::scoped_actor waiting{system};
  waiting->wait_for(system.spawn(asker, std::cref(rt), std::string{argv[1]}, std::string{argv[2]}));
  return 0;
} catch (const std::exception& wrong) {
  std::cerr << wrong.what() << '\n';
  return 2;
}
