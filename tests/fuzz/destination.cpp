// What a user writes for a cluster (user@host:port, a name), and what -o takes.
#include <cstdint>
#include <string>

#include "runtime/config.hpp"
#include "tests/fuzz/require.hpp"

using namespace moorage;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text{reinterpret_cast<const char*>(data), size};
  auto end = text.find('\n');
  auto name = text.substr(0, end);
  static const auto from = parse_config("[clusters.a]\nhost = \"a.example\"\n", "/etc/fuzz.toml").value;
  cluster_config cluster;
  auto wrong = resolve_cluster(from, name, cluster);
  if (wrong.code != errc::none) {
    fuzz::require(!wrong.text.empty(), "a refusal says why");
    return 0;
  }
  fuzz::require(check_settings(cluster.settings).code == errc::none, "what is resolved is sound");
  if (end == std::string::npos)
    return 0;
  auto changed = cluster;
  auto problems = override_settings(changed, {text.substr(end + 1)});
  fuzz::require(problems.empty() || changed.settings == cluster.settings, "a wrong setting changes nothing");
  fuzz::require(!problems.empty() || check_settings(changed.settings).code == errc::none,
                "settings that are taken are sound");
  return 0;
}
