// What the second process does. Hidden from a normal run; other_process starts it.
#include "tests/node/other_process.hpp"
#include "tests/node/protocol.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace node_tests;

namespace {

std::string render(caf::actor_system& system, const caf::error& reason) {
  return "error " + system.render(reason);
}

/// Publishes an echo actor until told to quit.
void serve(const std::string& socket, heartbeat pace = heartbeat::shipped) {
  node_system system{pace};
  auto echo = spawn_echo(*system, tell_parent);
  auto node = moorage::publish_node(*system, echo, socket);
  if (!node) {
    tell_parent(render(*system, node.error()));
    caf::anon_send_exit(echo, caf::exit_reason::user_shutdown);
    return;
  }
  tell_parent("ready");
  for (auto line = line_from_parent(); !line.empty() && line != "quit"; line = line_from_parent()) {
    if (line == "descriptors")
      tell_parent(std::to_string(open_descriptors()));
    else if (line == "memory")
      tell_parent(std::to_string(resident_memory()));
    else if (line == "tcp")
      tell_parent(std::to_string(tcp_listeners()));
    else if (line == "cpu")
      tell_parent(std::to_string(processor_time().count()));
    else if (line == "close")
      node->close();
  }
  caf::anon_send_exit(echo, caf::exit_reason::user_shutdown);
  echo = nullptr;
  node->close();
  tell_parent("ended " + std::to_string(system.end().count()));
}

/// Connects, lets the server watch an actor of its own, and watches the server's.
void connect(const std::string& socket, heartbeat pace = heartbeat::shipped) {
  node_system system{pace};
  auto link = moorage::connect_node<echo_actor>(*system, socket, 5s);
  if (!link)
    return tell_parent(render(*system, link.error()));
  auto mine = spawn_friend(*system);
  auto watcher = spawn_watcher(*system, link->actor(), tell_parent);
  tell_parent("watched " + ask<bool>(*system, link->actor_as<echo_actor>(), watch_atom_v, mine));
  for (auto line = line_from_parent(); !line.empty() && line != "quit"; line = line_from_parent()) {
    if (line == "callback")
      tell_parent(ask(*system, link->actor_as<echo_actor>(), call_atom_v, mine, std::string{"the client"}));
    else if (line == "tcp")
      tell_parent(std::to_string(tcp_listeners()));
    else if (line == "close")
      link->close();
  }
  caf::anon_send_exit(mine, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(watcher, caf::exit_reason::user_shutdown);
  mine = nullptr;
  watcher = nullptr;
  link->close();
  tell_parent("ended " + std::to_string(system.end().count()));
}

/// Connects and leaves over and over, from one system and from one system each.
void come_and_go(const std::string& socket) {
  auto visit = [&](node_system& system) {
    auto link = moorage::connect_node<echo_actor>(*system, socket, 5s);
    if (!link)
      return render(*system, link.error());
    return ask(*system, link->actor_as<echo_actor>(), std::string{"hello"});
  };
  std::string last = "hello";
  {
    node_system system;
    for (int i = 0; i < 200 && last == "hello"; ++i)
      last = visit(system);
  }
  for (int i = 0; i < 40 && last == "hello"; ++i) {
    node_system system;
    last = visit(system);
  }
  tell_parent(last);
}

/// As another user than the parent's, if the parent is root.
void become_nobody() {
  if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0))
    ::_exit(1);
}

/// Tries to connect as somebody else.
void intrude(const std::string& socket) {
  become_nobody();
  node_system system;
  auto link = moorage::connect_node(*system, socket, 2s);
  tell_parent(link ? "connected" : render(*system, link.error()));
}

/// Serves as somebody else, in a folder that everybody may enter.
void impersonate(const std::string& socket) {
  become_nobody();
  serve(socket);
}

} // namespace

TEST_CASE("the second process of a test", "[.role]") {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::string role = std::getenv("MOORAGE_TEST_ROLE");
  std::string socket = std::getenv("MOORAGE_TEST_SOCKET");
  if (role == "serve")
    serve(socket);
  else if (role == "serve with umask 0") {
    ::umask(0);
    serve(socket);
  } else if (role == "serve with quick heartbeats")
    serve(socket, heartbeat::quick);
  else if (role == "connect with quick heartbeats")
    connect(socket, heartbeat::quick);
  else if (role == "connect")
    connect(socket);
  else if (role == "come and go")
    come_and_go(socket);
  else if (role == "intrude")
    intrude(socket);
  else if (role == "impersonate")
    impersonate(socket);
}
