#include "runtime/ssh/login/credentials_look.hpp"

#include <optional>
#include <utility>

#include "runtime/ssh/login/agent.hpp"
#include "runtime/ssh/opening/files_state.hpp"
#include "runtime/ssh/opening/preparation.hpp"
#include "runtime/system/account.hpp"

namespace moorage {

namespace {

class file_look final : public credentials_look {
public:
  explicit file_look(blocking_answer<std::string> answer) : answer_(std::move(answer)) {}
  std::optional<std::string> state() override { return answer_.refused() ? std::string{} : answer_.take(); }

private:
  blocking_answer<std::string> answer_;
};

/// For its connection, and for its list: one that asks its user is not waited for.
constexpr std::chrono::milliseconds look_patience{500};

std::string agent_state_of(const cluster_settings& settings, const surroundings& around,
                           const std::string& home) {
  const auto& socket = settings.agent_socket.empty() ? around.agent_socket : settings.agent_socket;
  if (!settings.agent || socket.empty())
    return {};
  auto listing = list_agent(expand_home(socket, home), look_patience);
  if (listing.absent)
    return no_agent_state;
  return listing.problem.empty() ? agent_state(listing.keys) : std::string{};
}

} // namespace

std::unique_ptr<credentials_look> look_at_credentials_of(const cluster_settings& settings, bool host_keys,
                                                         waker wake, const transport_world& world) {
  auto look = [settings, host_keys, around = filled_in(world.around)](const abandonment&) {
    auto home = home_folder(around);
    return host_keys ? host_keys_state(settings, home)
                     : credentials_state(settings, home) + agent_state_of(settings, around, home);
  };
  return std::make_unique<file_look>(world.threads.ask(
      {settings.name, host_keys ? "a look at the known_hosts files" : "a look at the key files"},
      std::move(look), std::move(wake)));
}

} // namespace moorage
