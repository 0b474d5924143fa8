#include "tests/support/own_machines.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "tests/support/process_tree.hpp"

namespace moorage::support {

namespace {

unique_fd network_of_this_thread() {
  return unique_fd{open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
}

/// A network that nobody is in. Empty: the system makes none, and errno says why.
unique_fd new_network() {
  auto before = network_of_this_thread();
  if (!before || unshare(CLONE_NEWNET) != 0)
    return {};
  auto made = network_of_this_thread();
  if (setns(before.get(), CLONE_NEWNET) != 0)
    throw std::runtime_error(std::string{"no way back to the network of all: "} + std::strerror(errno));
  return made;
}

/// Another process finds ours by it.
std::string path_of(const unique_fd& network) {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(network.get());
}

std::string network_number(int machine) {
  return "10.77." + std::to_string(machine) + ".";
}

constexpr auto router_rules = R"(table ip wires {
  counter dropped { }
  counter resets { }
  set cut { type ipv4_addr . ipv4_addr; }
  chain passing {
    type filter hook forward priority 0
    ip saddr . ip daddr @cut counter name dropped drop
    tcp flags & rst == rst counter name resets
  }
  chain losing {
    type filter hook forward priority 1
  }
}
)";

} // namespace

network_visit::network_visit(int network) : before_(network_of_this_thread()) {
  if (!before_ || setns(network, CLONE_NEWNET) != 0)
    throw std::runtime_error(std::string{"cannot go to a machine of the test's own: "} +
                             std::strerror(errno));
}

network_visit::~network_visit() {
  static_cast<void>(setns(before_.get(), CLONE_NEWNET));
}

own_machines::own_machines() : router_(new_network()) {
  if (!router_) {
    why_not_ = std::string{"no machines of the test's own can be made: "} + std::strerror(errno);
    return;
  }
  {
    network_visit there{router_.get()};
    std::ofstream{"/proc/sys/net/ipv4/ip_forward"} << "1\n";
    if (contents_of("/proc/sys/net/ipv4/ip_forward") != "1\n")
      why_not_ =
          "a router of the test's own does not forward: /proc/sys/net/ipv4/ip_forward is not to be written";
  }
  if (why_not_.empty())
    why_not_ = run_there(router_.get(), {"nft", "-f", "-"}, router_rules);
  // What machines are made with is tried once, so that a system without it is told apart from a fault.
  if (why_not_.empty())
    why_not_ =
        run_there(router_.get(), {"ip", "link", "add", "tried", "type", "veth", "peer", "name", "peer"});
  if (why_not_.empty())
    why_not_ = run_there(router_.get(), {"ip", "link", "delete", "tried"});
}

/// What it said where it failed; otherwise nothing.
std::string own_machines::run_there(int network, const std::vector<std::string>& words,
                                    const std::string& input) const {
  network_visit there{network};
  process_spec spec;
  spec.argv = words;
  spec.output = folder_ / "said";
  std::ofstream{spec.output, std::ios::trunc}.close();
  std::ofstream{folder_ / "input", std::ios::trunc} << input;
  unique_fd in{open((folder_ / "input").c_str(), O_RDONLY | O_CLOEXEC)};
  spec.stdin_fd = in.get();
  auto code = run_to_end(spec);
  return code == 0 ? std::string{}
                   : words.at(0) + " failed (" + std::to_string(code) + "): " + contents_of(spec.output);
}

std::unique_ptr<own_machine> own_machines::begin_machine() {
  auto made = std::make_unique<own_machine>();
  made->network_ = new_network();
  if (!made->network_)
    throw std::runtime_error(std::string{"no further machine can be made: "} + std::strerror(errno));
  made->address_ = network_number(++made_) + "2";
  return made;
}

/// Addresses and routes, once its device is there on both sides.
void own_machines::finish_machine(own_machine& machine, const std::string& device) {
  auto gateway = network_number(made_) + "1";
  auto said = run_there(router_.get(), {"ip", "-batch", "-"},
                        "addr add " + gateway + "/24 dev " + device + "\nlink set " + device + " up\n");
  said += run_there(machine.network_.get(), {"ip", "-batch", "-"},
                    "link set lo up\naddr add " + machine.address_ + "/24 dev " + device + "\nlink set " +
                        device + " up\nroute add default via " + gateway + "\n");
  if (!said.empty())
    throw std::runtime_error("a machine has no wire: " + said);
}

std::unique_ptr<own_machine> own_machines::add() {
  auto made = begin_machine();
  auto device = "wire" + std::to_string(made_);
  auto said = run_there(router_.get(), {"ip", "link", "add", device, "type", "veth", "peer", "name", device,
                                        "netns", path_of(made->network_)});
  if (!said.empty())
    throw std::runtime_error("a machine has no wire: " + said);
  finish_machine(*made, device);
  return made;
}

std::unique_ptr<own_machine> own_machines::add(std::chrono::milliseconds delay) {
  auto made = begin_machine();
  auto device = "wire" + std::to_string(made_);
  try {
    made->wire_ = std::make_unique<delayed_wire>(router_.get(), made->network_.get(), device, delay);
  } catch (const std::runtime_error& refused) {
    why_not_delayed_ = refused.what();
    return nullptr;
  }
  finish_machine(*made, device);
  return made;
}

void own_machines::change_cuts(const std::string& verb, const own_machine& from, const own_machine& to) {
  auto said = run_there(router_.get(), {"nft", verb, "element", "ip", "wires", "cut",
                                        "{ " + from.address() + " . " + to.address() + " }"});
  if (!said.empty())
    throw std::runtime_error("a wire is not cut, or mended: " + said);
}

void own_machines::cut(const own_machine& from, const own_machine& to) {
  change_cuts("add", from, to);
}

void own_machines::cut_both(const own_machine& one, const own_machine& other) {
  cut(one, other);
  cut(other, one);
}

void own_machines::mend(const own_machine& from, const own_machine& to) {
  change_cuts("delete", from, to);
}

void own_machines::mend_both(const own_machine& one, const own_machine& other) {
  mend(one, other);
  mend(other, one);
}

void own_machines::lose_some() {
  auto said = run_there(router_.get(), {"nft", "add", "rule", "ip", "wires", "losing", "numgen", "inc", "mod",
                                        "8", "0", "counter", "name", "dropped", "drop"});
  if (!said.empty())
    throw std::runtime_error("no packets are lost: " + said);
}

int own_machines::counted(const std::string& what) const {
  run_there(router_.get(), {"nft", "list", "counter", "ip", "wires", what});
  auto said = contents_of(folder_ / "said");
  auto at = said.find("packets ");
  return at == std::string::npos ? -1 : std::atoi(said.c_str() + at + 8);
}

} // namespace moorage::support
