#include "runtime/runtime_parts.hpp"

#include <caf/io/middleman.hpp>
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <signal.h>
#include <sys/stat.h>
#include <system_error>
#include <thread>
#include <unistd.h>

#include "messages/printable.hpp"
#include "runtime/system/account.hpp"
#include "runtime/system/awaited_threads.hpp"
#include "runtime/system/descriptors.hpp"
#include "runtime/system/io_scheduler.hpp"
#include "runtime/system/scheduler_thread.hpp"
#include "runtime/system/threads.hpp"
#include "runtime/system/worker_scheduler.hpp"

namespace moorage {

namespace {

/// What the pools may take to close their connections before they are ended without a good-bye. A connection
/// itself gives the peer 250 ms.
constexpr std::chrono::milliseconds stop_patience{600};

/// Of an actor system beside the scheduler's: input and output, its helper, and the clock. One of a single
/// thread begins with that of input and output, and no other.
constexpr std::size_t threads_of_system = 3;

std::string host_name(const std::string& own) {
  constexpr std::size_t longest = 100;
  return printable(own.empty() ? program_invocation_short_name : own, longest);
}

} // namespace

std::shared_ptr<void> life_count::enter(const std::shared_ptr<life_count>& self) {
  {
    std::lock_guard guard{self->mutex_};
    ++self->alive_;
  }
  return {nullptr, [self](void*) {
            {
              std::lock_guard guard{self->mutex_};
              --self->alive_;
            }
            self->changed_.notify_all();
          }};
}

bool life_count::wait_for_none(std::chrono::milliseconds timeout) {
  std::unique_lock guard{mutex_};
  return changed_.wait_for(guard, timeout, [this] { return alive_ == 0; });
}

void runtime::configure(caf::actor_system_config& config) {
  add_message_types(config);
  mark_scheduler_threads(config);
}

runtime_parts::runtime_parts(runtime_options options)
    : callbacks(std::make_shared<callback_threads>(std::move(options.executor))),
      gate(std::make_shared<client_gate>(callbacks, host_name(options.name), whole_environment())),
      scheduler_threads(options.threads), reconnect(options.reconnect), reload(std::move(options.reload)),
      shut_down(std::move(options.shut_down)) {}

runtime_parts::~runtime_parts() {
  stop();
}

failure runtime_parts::check_limits(std::size_t threads_beside) const {
  if (auto lack = check_descriptors(); lack.code != errc::none)
    return lack;
  if (!system)
    threads_beside += scheduler_threads > 1 ? scheduler_threads + threads_of_system : 1;
  return check_threads(threads_beside);
}

void runtime_parts::make_own_system() {
  auto own_config = std::make_shared<worker_config>();
  own_config->set("scheduler.max-threads", scheduler_threads);
  runtime::configure(*own_config);
  own_config->load<caf::io::middleman>();
  configure_node(*own_config);
  if (scheduler_threads == 1) { // as few threads altogether: each is made and ended, and wakes another
    schedule_on_io_thread(*own_config);
    own_config->set("middleman.workers", 0);
    own_config->set("middleman.attach-utility-actors", true);
  } else {
    own_config->loop = loop.get();
    schedule_on_workers(*own_config);
  }
  own_system = {new caf::actor_system(*own_config),
                [own_config](caf::actor_system* ended) { end_node_system(ended); }};
  system = own_system.get();
}

void runtime_parts::start_client(const session_at_node& node, node_loss on_loss) {
  client = system->spawn(moorage::client, manager, node, gate, std::move(on_loss));
  gate->open(client, !manager);
}

result<node_place> own_node(const std::string& socket, const std::string& user) {
  std::error_code ignored; // then the path is as it was given, and the connect says what is wrong with it
  auto path = socket.empty() ? usual_node_socket() : std::filesystem::absolute(socket, ignored).string();
  node_place where{path.empty() ? socket : path};
  if (!user.empty() && !(where.trusted = user_called(user)))
    return failure{errc::invalid_request,
                   "this machine knows no user '" + printable(user) + "', whose node is to be trusted"};
  return where;
}

failure runtime_parts::join(node_place where, std::chrono::milliseconds timeout, std::stop_token called_off) {
  if (scheduler_threads == 0)
    scheduler_threads = 1; // all there is to do is to pass on what comes: to wake another thread takes longer
  if (auto lack = check_limits(); lack.code != errc::none)
    return lack;
  callbacks->report_to([](const std::string& cluster, const std::string& text) {
    auto about = cluster.empty() ? text : cluster + ": " + text; // there is no log on this side of a node
    std::cerr << "moorage: " + printable(about, printable_whole) + "\n";
  });
  log_let_go let_go;
  make_own_system();
  struct stat socket {};
  const bool ours = !where.dial && !where.trusted && ::stat(where.name.c_str(), &socket) == 0 &&
                    socket.st_uid == ::geteuid();
  if (!ours) // root's neither
    gate->withhold_environment();
  auto connected = connect_session(*system, where, timeout, std::move(called_off));
  if (!connected)
    return to_failure(connected.error());
  link = std::make_unique<link_keeper>(std::move(*connected), std::move(where), timeout);
  start_client({link->session(), link->speaks()}, {link->loss_teller(), reconnect});
  if (!reconnect)
    return {};
  link_keeper::hearers told;
  told.back = [to = gate](session_actor session, vocabulary speaks) {
    to->post([node = session_at_node{std::move(session), std::move(speaks)}](client_state& state) {
      state.node_is_back(node);
    });
  };
  told.in_vain = [to = gate](const failure& reason) {
    to->post([reason](client_state& state) { state.node_is_away(reason); });
  };
  try {
    link->come_back(own_system, std::move(told));
  } catch (const std::system_error& none) {
    return {errc::local_failure, std::string{"no thread to watch the link to the node with: "} + none.what() +
                                     "; look at the limits of this user and process"};
  }
  return {};
}

bool runtime_parts::wait_for_loss(std::chrono::milliseconds timeout) const {
  return link ? link->wait_for_loss(timeout) : end_of_pools.wait_for(timeout) == std::future_status::ready;
}

void runtime_parts::stop() {
  std::call_once(stopped_, [this] { take_down(); });
}

void runtime_parts::end(std::shared_ptr<runtime_parts> parts) {
  if (!parts)
    return;
  if (on_scheduler_thread() || parts->callbacks->within())
    on_awaited_thread([parts = std::move(parts)] { parts->stop(); });
  else
    parts->stop();
}

/// What host threads have posted by now is passed on before a pool hears of the end: a lease that was given
/// back just before is not taken back.
void runtime_parts::settle_what_was_posted() {
  auto passed = std::make_shared<std::promise<void>>();
  gate->post(
      [passed](client_state& client) {
        client.end_soon();
        passed->set_value();
      },
      [passed](const failure&) { passed->set_value(); });
  passed->get_future().wait_for(stop_patience);
}

void runtime_parts::take_down() {
  if (nodes)
    nodes->stop();
  settle_what_was_posted();
  gate->close();
  published.reset();
  if (listener)
    listener->withdraw();
  if (link)
    link->stop_trying(); // before the client ends, which it tells
  if (system == nullptr)
    return;
  {
    log_let_go let_go; // what a thread that was left behind still holds may be who ends the system
    caf::scoped_actor self{*system};
    if (manager) {
      self->monitor(manager);
      self->request(manager, caf::duration{stop_patience}, stop_all{})
          .receive([](const done&) {},
                   [this](caf::error&) { caf::anon_send_exit(manager, caf::exit_reason::kill); });
      self->receive([](const caf::down_msg&) {}, caf::after(stop_patience) >> [] {});
    }
    if (client) {
      self->monitor(client);
      caf::anon_send_exit(client, caf::exit_reason::user_shutdown);
      self->receive([](const caf::down_msg&) {}, caf::after(stop_patience) >> [] {});
    }
  }
  callbacks->finish(); // before the system ends: a callback may have left something of its own there
  if (!transports->wait_for_none(stop_patience) && !own_system) {
    // In a host's starved system something of ours may still be on its way: better a leak than a crash.
    static_cast<void>(loop.release());
    static_cast<void>(threads.release());
  }
  if (link)
    link->close();
  listener.reset();
  manager = nullptr;
  client = nullptr;
  system = nullptr;
  if (!own_system)
    return; // the host's workers may be letting go of the last of us: the destructor comes later
  own_system.reset();
  loop.reset();
  threads.reset();
  log.reset();
}

} // namespace moorage
