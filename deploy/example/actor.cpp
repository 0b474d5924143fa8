// An actor in a host's own actor system that has a command run, and hears of its end by message.
//   actor CLUSTER COMMAND
#include <caf/all.hpp>
#include <iostream>
#include <string>

#include <moorage/runtime.hpp>

using namespace std::chrono_literals;

/// Told as "how it ended" and its output. Nothing here waits: a handler that did would be refused.
caf::behavior asker(caf::event_based_actor* self, moorage::async_runtime pools, std::string cluster,
                    std::string command) {
  pools.run(cluster, command, 30s)
      .then([me = caf::actor_cast<caf::actor>(self)](const moorage::exec_result& done) {
        caf::anon_send(me, to_string(done.ended), done.output);
      });
  return {[self](const std::string& ended, const std::string& output) {
    std::cout << output << ended << '\n';
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
  waiting->wait_for(system.spawn(asker, rt.async(), std::string{argv[1]}, std::string{argv[2]}));
  return 0;
} catch (const std::exception& wrong) {
  std::cerr << wrong.what() << '\n';
  return 2;
}
