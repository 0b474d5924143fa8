// An administrator of two nodes: an actor of this program's own that hears the events of both, and has a
// cluster's pool on the old node drained as soon as the new one serves that cluster.
//   two_nodes NEW OLD CLUSTER            NEW and OLD: the paths of the nodes' sockets
#include <caf/all.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include <moorage/actors.hpp>

using namespace std::chrono_literals;

caf::behavior administrator(caf::event_based_actor* self, moorage::runtime* old, std::string cluster) {
  auto asked = std::make_shared<bool>(false);
  // Events and answers come on ways of their own, so that either may be the last.
  auto still = std::make_shared<int>(2);
  auto one_less = [self, still] {
    if (--*still == 0)
      self->quit();
  };
  return {[=](const std::string& node, const moorage::event_record& event) {
            std::cout << node << ": " << event.cluster << ' ' << to_string(event.what) << ' ' << event.text
                      << std::endl;
            if (node == "old" && event.cluster == cluster && event.what == moorage::event_kind::drained)
              one_less();
            auto serves =
                node == "new" && event.cluster == cluster && event.what == moorage::event_kind::granted;
            if (!serves || std::exchange(*asked, true))
              return;
            // An actor waits for nothing: the answer is a message to it as well.
            old->async().drain(cluster, 60s).then([admin = caf::actor{self}](const auto& end) {
              caf::anon_send(admin, end ? *end : end.error().text, bool{end});
            });
          },
          [=](const std::string& end, bool drained) {
            std::cout << "the old node: " << end << std::endl;
            one_less();
            if (!drained) // so that no event will say it
              one_less();
          }};
}

int main(int argc, char** argv) try {
  if (argc != 4)
    return std::cerr << "usage: two_nodes NEW OLD CLUSTER\n", 2;
  caf::actor_system_config settings;
  settings.set("scheduler.policy", caf::atom("sharing"));
  moorage::runtime::configure(settings); // before the system is made: in it events are messages
  caf::actor_system system{settings};
  // A runtime each, which brings a system of its own for its link, and comes back by itself when its node
  // does.
  auto new_node = moorage::runtime::connect(argv[1]), old_node = moorage::runtime::connect(argv[2]);
  auto admin = system.spawn(administrator, &old_node, std::string{argv[3]});
  auto pass_on = [&admin](std::string node) {
    return [admin, node](const moorage::event_record& event) { caf::anon_send(admin, node, event); };
  };
  auto of_new = new_node.subscribe({}, pass_on("new")).value();
  auto of_old = old_node.subscribe({}, pass_on("old")).value();
  auto tried = new_node.run(argv[3], "true", 60s);
  if (!tried.ended.succeeded()) {
    std::cerr << to_string(tried.ended) << '\n';
    caf::anon_send_exit(admin, caf::exit_reason::user_shutdown);
  }
  caf::scoped_actor self{system};
  self->wait_for(admin);
  return tried.ended.succeeded() ? 0 : 1;
} catch (const moorage::error& refused) {
  std::cerr << refused.what() << '\n';
  return 2;
}
