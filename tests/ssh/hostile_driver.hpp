// Transports against servers that mean no good: raw peers and scripted sshds.
#pragma once

#include <string>

#include "tests/ssh/transport_driver.hpp"
#include "tests/support/fake_sshd.hpp"

namespace moorage::test {

/// For a server whose host key is made up anew each time.
inline cluster_settings hostile_settings(world& around, const std::string& host, std::uint16_t port) {
  support::fake_sshd for_the_key_file;
  auto settings = around.settings_for(for_the_key_file);
  settings.name = "hostile";
  settings.host = host;
  settings.port = port;
  settings.strict_host_keys = host_key_policy::off;
#ifdef __SANITIZE_THREAD__ // which makes libssh many times slower than the flood that it takes in
  settings.connect_timeout *= 10;
#endif
  return settings;
}

/// Of the processor's time: far beyond what one pump takes, far below for ever.
constexpr std::chrono::seconds pump_max{2};
/// By the clock, for a pump that would wait for something: on a busy machine others have the processor for
/// seconds in the middle of it.
constexpr std::chrono::seconds stuck_pump{20};

} // namespace moorage::test
