// A runtime with pools of its own. In a file of its own so that a program that only ever asks a node links
// neither libssh nor the pools.
#include <algorithm>
#include <random>
#include <thread>

#include "actors/manager/manager.hpp"
#include "runtime/runtime_parts.hpp"
#include "runtime/ssh/login/credentials_look.hpp"
#include "runtime/ssh/transport.hpp"
#include "runtime/system/asleep.hpp"
#include "runtime/system/recordings.hpp"
#include "runtime/system/scheduler_thread.hpp"
#include "runtime/system/worker_scheduler.hpp"

namespace moorage {

namespace {

/// The log's, the readiness loop's where it has one, and some for what may block and for whoever listens.
constexpr std::size_t threads_of_pools = 5;

/// Half the processors, and between 2 and 8. Each message that finds a thread asleep wakes it: with CAF's
/// default (all processors, at least 4) on two processors an acquire takes twice as long. The host's own
/// threads need some too.
std::size_t usual_threads() {
  constexpr std::size_t fewest = 2;
  constexpr std::size_t most = 8;
  return std::clamp<std::size_t>(std::thread::hardware_concurrency() / 2, fewest, most);
}

std::shared_ptr<runtime_parts> parts_with(caf::actor_system* system, const configuration& config,
                                          runtime_options options) {
  if (system != nullptr && !scheduler_threads_marked(*system))
    throw error{
        {errc::invalid_request,
         "the configuration of this actor system did not pass through moorage::runtime::configure: call that "
         "on the caf::actor_system_config before the system is made with it"}};
  auto parts = std::make_shared<runtime_parts>(std::move(options));
  parts->system = system;
  parts->begin(config);
  return parts;
}

/// It is a host's, who may take long where they should not.
decltype(runtime_options::shut_down) announced(decltype(runtime_options::shut_down) call) {
  if (!call)
    return {};
  return [call = std::move(call)](const std::string& by) {
    long_work_ahead();
    call(by);
  };
}

class host_call final : public host_errand {
public:
  explicit host_call(blocking_answer<result<std::string>> answer) : answer_(std::move(answer)) {}
  std::optional<std::pair<failure, std::string>> outcome() override {
    if (answer_.refused())
      return std::pair{failure{errc::local_failure, answer_.refusal().text}, std::string{}};
    auto told = answer_.take();
    if (!told)
      return std::nullopt;
    return *told ? std::pair{failure{}, std::move(**told)} : std::pair{told->error(), std::string{}};
  }

private:
  blocking_answer<result<std::string>> answer_;
};

} // namespace

runtime::runtime(configuration config, runtime_options options)
    : parts_(parts_with(nullptr, config, std::move(options))) {}

runtime::runtime(caf::actor_system& system, configuration config, runtime_options options)
    : parts_(parts_with(&system, config, std::move(options))) {}

void runtime_parts::begin(configuration config) {
  if (scheduler_threads == 0)
    scheduler_threads = usual_threads();
  if (auto lack = check_limits(threads_of_pools); lack.code != errc::none)
    throw error{std::move(lack)};
  log = std::make_shared<event_log>(config.log_level, config.log_file, config.log_causes, config.log_names);
  callbacks->report_to([to = log](const std::string& cluster, const std::string& text) {
    to->callback_failed(cluster, text);
  });
  turned_away = [to = log](const std::string& who_and_why) { to->turned_away(who_and_why); };
  let_openssl_begin();
  open_session = moorage::open_session;
  serve = serve_pools;
  threads = std::make_unique<blocking_threads>();
  loop = std::make_unique<readiness>(has_workers() ? readiness::turned_by::others
                                                   : readiness::turned_by::own_thread);
  if (!loop->problem().empty())
    throw error{{errc::local_failure, "cannot watch sockets: " + loop->problem()}};
  std::optional<log_let_go> let_go;
  if (system == nullptr) {
    let_go.emplace();
    make_own_system();
  }
  auto world = std::make_shared<transport_world>(transport_world{*loop, *threads, secrets});
  manager_world handed;
  handed.transports = [world, count = transports](const cluster_settings& settings, waker wake) {
    // The transport keeps its waker as long as it lives, and so the token.
    return make_ssh_transport(
        settings, [wake = std::move(wake), token = life_count::enter(count)] { wake(); }, *world);
  };
  handed.look_at_credentials = [world, count = transports](const cluster_settings& settings, bool host_keys,
                                                           waker wake) {
    return look_at_credentials_of(
        settings, host_keys, [wake = std::move(wake), token = life_count::enter(count)] { wake(); }, *world);
  };
  handed.write_recording = [to = threads.get(), folder = recordings_folder(),
                            count = transports](recording what, waker wake) {
    return begin_recording_file(
        folder, std::move(what), [wake = std::move(wake), token = life_count::enter(count)] { wake(); }, *to);
  };
  handed.connects_at_once = config.connects_at_once;
  handed.probes_at_once = config.probes_at_once;
  handed.nodes.own = config.node_name;
  handed.nodes.addresses.insert(config.nodes.begin(), config.nodes.end());
  handed.shut_down = announced(shut_down);
  if (reload)
    handed.reload = [read = reload, to = threads.get()](const std::string& by, waker wake) {
      return std::make_unique<host_call>(to->ask(
          {{}, "the host's reload"}, [read, by](const abandonment&) { return read(by); }, std::move(wake)));
    };
  handed.seed = std::random_device{}();
  handed.turns = std::max<std::size_t>(system->scheduler().num_workers(), 2) - 1;
  handed.asleep = time_asleep;
  handed.report_bug = [to = log](const std::string& cluster, const std::string& text) {
    to->bug(cluster, text);
  };
  for (const auto& each : ask_openssh(config))
    log->misconfigured(to_string(each));
  handed.unusable = {config.unusable.begin(), config.unusable.end()};
  std::vector<cluster_settings> clusters;
  for (const auto& cluster : config.clusters)
    clusters.push_back(cluster.settings);
  manager = system->spawn(moorage::manager, std::move(clusters), std::move(handed));
  start_client({}, {[told = ended] { told->set_value(); }});
  if (log->wanted())
    gate->post([to = log, number = gate->next_call()](client_state& state) {
      auto write = [to](const event_record& record) { to->write(record); };
      state.watch(number, {}, event_sink{std::move(write), nullptr}, [](result<void>) {});
    });
}

} // namespace moorage
