#include "tests/cli/soak_clients.hpp"

#include <csignal>
#include <utility>

#include <caf/binary_serializer.hpp>
#include <poll.h>

#include "messages/commands.hpp"
#include "messages/leases.hpp"
#include "runtime/actors.hpp"
#include "runtime/node/unix_socket.hpp"

namespace moorage::soak {

namespace {

/// Every call has a deadline well below.
constexpr auto call_max = 2min;

template <class Message>
std::string written(runtime& with, Message value) {
  std::vector<char> bytes;
  caf::binary_serializer sink{system_of(with), bytes};
  static_cast<void>(sink(value));
  return {bytes.begin(), bytes.end()};
}

} // namespace

// --- threads

worker::worker(world& in, std::string name, std::uint32_t seed, way by)
    : world_(in), name_(std::move(name)), chance_(seed), thread_([this, by](const std::stop_token& stop) {
        work(stop, by);
        done_ = true;
      }) {}

std::chrono::milliseconds worker::at_it_for() const {
  auto since = steady::time_point{steady::duration{since_.load()}};
  return std::chrono::duration_cast<std::chrono::milliseconds>(steady::now() - since);
}

void worker::work(const std::stop_token& stop, way by) {
  while (!stop.stop_requested()) {
    begin();
    if (by == way::stays) {
      be_busy(world_.resident(), stop);
      continue;
    }
    auto link = by == way::tls
                    ? runtime::try_connect(node_address{world_.address(), world_.client_files()}, 20s)
                    : runtime::try_connect(world_.socket(), 20s);
    if (link) {
      world_.book().count(by == way::tls ? "links over TLS" : "links");
      be_busy(*link, stop);
      begin(); // the link's end is to take no time either
    } else {   // it may have been cut there and then
      world_.book().note(name_ + " did not get in: " + link.error().text);
      world_.book().count("links refused");
      ::poll(nullptr, 0, 20);
    }
  }
}

void worker::be_busy(runtime& rt, const std::stop_token& stop) {
  for (auto doings = 5 + chance_.below(40); doings > 0 && !stop.stop_requested(); --doings) {
    begin();
    if (!do_something(rt))
      ::poll(nullptr, 0, 20); // whoever is refused at once does not ask again at once
    if (at_it_for() > call_max)
      world_.book().wrong(name_ + " was kept for " + std::to_string(at_it_for().count()) + " ms");
  }
}

bool worker::do_something(runtime& rt) {
  struct doing {
    std::uint32_t share; // of a hundred
    const char* name;
    bool (worker::*what)(runtime& rt, const std::string& cluster);
  };
  static constexpr std::array<doing, 6> all{{{35, "commands", &worker::run_one},
                                             {25, "leases", &worker::hold_a_lease},
                                             {10, "streams read", &worker::read_a_stream},
                                             {5, "streams left unread", &worker::leave_a_stream_unread},
                                             {15, "calls called off", &worker::call_off},
                                             {10, "commands out of time", &worker::run_out_of_time}}};
  const auto& cluster = chance_.of(world_.clusters());
  auto which = chance_.below(100);
  const auto* chosen = all.begin();
  for (; which >= chosen->share; ++chosen)
    which -= chosen->share;
  world_.book().note(name_ + ": " + chosen->name + " on " + cluster);
  auto came = (this->*chosen->what)(rt, cluster);
  world_.book().count(came ? chosen->name : "nothing came of");
  return came;
}

bool worker::run_one(runtime& rt, const std::string& cluster) {
  auto word = name_ + "-" + std::to_string(chance_.below(1'000'000));
  auto result = rt.run(cluster, exec_request{.command = "echo " + word, .timeout = 10s}, 10s);
  if (result.ended.succeeded() && result.output != word + "\n")
    world_.book().wrong(name_ + " was told another's output: " + result.output + " for " + word);
  return result.ended.succeeded();
}

bool worker::hold_a_lease(runtime& rt, const std::string& cluster) {
  auto held = rt.try_acquire(cluster, 5s, name_);
  if (!held)
    return false;
  for (auto commands = chance_.below(3); commands > 0; --commands)
    held->run(exec_request{.command = "sleep 0.0" + std::to_string(chance_.below(10)), .timeout = 5s});
  switch (chance_.below(3)) {
  case 0:
    static_cast<void>(held->release());
    break;
  case 1:
    static_cast<void>(held->discard("a soak"));
    break;
  default:
    break; // it goes with this scope
  }
  return true;
}

bool worker::read_a_stream(runtime& rt, const std::string& cluster) {
  auto held = rt.try_acquire(cluster, 5s, name_);
  if (!held)
    return false;
  auto output = held->open(exec_request{.command = "seq 1 200000", .timeout = 10s});
  auto pieces = chance_.below(20);
  stream::chunk piece;
  while (pieces > 0 && output.read(piece))
    --pieces;
  if (chance_.one_in(2))
    output.cancel();
  return true;
}

bool worker::leave_a_stream_unread(runtime& rt, const std::string& cluster) {
  auto held = rt.try_acquire(cluster, 5s, name_);
  if (!held)
    return false;
  auto output = held->open(exec_request{.command = "exec cat /dev/zero", .timeout = 20s});
  stream::chunk first;
  static_cast<void>(output.read(first));
  for (auto others = 1 + chance_.below(4); others > 0; --others) // it has other things to do meanwhile
    run_one(rt, chance_.of(world_.clusters()));
  if (chance_.one_in(2))
    static_cast<void>(held->release());
  return true;
}

bool worker::call_off(runtime& rt, const std::string& cluster) {
  auto wait = std::chrono::milliseconds{chance_.below(200)};
  if (chance_.one_in(2)) {
    auto asked = rt.async().acquire(cluster, 10s);
    asked.wait_for(wait);
  } else {
    auto asked = rt.async().run(cluster, "sleep 0.5", 10s);
    asked.wait_for(wait);
  }
  return true;
}

// What is asleep outlives its channel at root's sshd, and is not waited for for long.
bool worker::run_out_of_time(runtime& rt, const std::string& cluster) {
  auto timeout = std::chrono::milliseconds{50 + chance_.below(200)};
  auto result = rt.run(cluster, exec_request{.command = "sleep 2", .timeout = timeout}, 5s);
  return !result.ended.succeeded();
}

// --- processes

void crowd::start_one() {
  static const std::vector<std::vector<std::string>> all{
      {"exec", "CLUSTER", "--", "echo hello"},
      {"exec", "CLUSTER", "-n", "--", "echo hello; sleep 1"},
      {"exec", "CLUSTER", "--", "cat >/dev/null; echo hello"},
      {"exec", "CLUSTER", "--timeout", "1s", "--", "sleep 3"},
      {"status"},
      {"admin", "explain", "CLUSTER"},
      {"admin", "resize", "CLUSTER", "4"},
      {"admin", "resume", "CLUSTER"}};
  auto words = chance_.of(all);
  for (auto& each : words)
    if (each == "CLUSTER")
      each = chance_.of(world_.clusters());
  one made;
  for (const auto& each : words)
    made.words += each + " ";
  made.program = std::make_unique<cli_tests::program>(cli_tests::program_spec{
      words, world_.home(), std::string(1000, 'x'), {{"MOORAGE_CONFIG", world_.config()}}});
  made.pid = std::to_string(made.program->pid());
  world_.book().note("process " + made.pid + ": " + made.words);
  world_.book().count("processes");
  all_.push_back(std::move(made));
}

void crowd::see_end(one& who) {
  auto ended = who.program->wait(call_max);
  auto what = "process " + who.pid + " (" + who.words + ") ";
  if (ended.signal != 0 && !who.killed)
    world_.book().wrong(what + "ended by signal " + std::to_string(ended.signal) + ": " + ended.error_output);
  if (ended.code != 0)
    return;
  world_.book().count("processes that succeeded");
  if (who.words.find("hello") != std::string::npos && ended.output != "hello\n")
    world_.book().wrong(what + "said " + ended.output);
}

void crowd::go_on() {
  constexpr std::size_t at_once = 3;
  for (auto each = all_.begin(); each != all_.end();) {
    if (each->frozen)
      each->since = steady::now();
    bool ended = each->program->ends_unread(0ms);
    bool hangs = !ended && steady::now() - each->since > call_max;
    if (ended)
      see_end(*each);
    else if (hangs)
      world_.book().wrong("process " + each->pid + " (" + each->words + ") does not end");
    each = ended || hangs ? all_.erase(each) : std::next(each);
  }
  while (all_.size() < at_once)
    start_one();
}

void crowd::kill_one() {
  auto& who = any();
  world_.book().note("kill process " + who.pid);
  who.killed = true;
  who.program->signal(SIGKILL);
}

void crowd::freeze_one() {
  auto& who = any();
  world_.book().note("freeze process " + who.pid);
  who.frozen = true;
  who.program->signal(SIGSTOP);
}

void crowd::thaw_all() {
  for (auto& each : all_)
    if (std::exchange(each.frozen, false)) {
      world_.book().note("thaw process " + each.pid);
      each.program->signal(SIGCONT);
    }
}

void crowd::end() {
  thaw_all();
  for (auto& each : all_)
    see_end(each);
  all_.clear();
}

// --- by hand

void passers_by::go_on() {
  constexpr std::size_t staying_max = 4;
  auto socket = connect_to(world_.socket(), steady::now() + 60s);
  if (!socket)
    return world_.book().wrong("a client by hand does not get in");
  auto client = std::make_unique<node_tests::hand_client>(std::move(*socket), 1'000'000 + ++last_);
  if (!client->greet())
    return world_.book().wrong("a client by hand is not greeted");
  world_.book().count("clients by hand");
  const auto& cluster = chance_.of(world_.clusters());
  acquire wanted{.cluster = cluster, .call = last_, .patience = 5s, .label = "by hand"};
  switch (chance_.below(3)) {
  case 0:
    client->send("moorage::acquire", written(world_.admin(), wanted));
    break;
  case 1:
    client->send("moorage::run_once",
                 written(world_.admin(), run_once{.from = wanted, .what = {.command = "sleep 0.3"}}));
    break;
  default:
    client->ask("moorage::get_pool", node_tests::text(cluster), 60s);
    break;
  }
  if (chance_.one_in(2))
    staying_.push_back(std::move(client));
  if (staying_.size() > staying_max)
    staying_.pop_front();
}

} // namespace moorage::soak
