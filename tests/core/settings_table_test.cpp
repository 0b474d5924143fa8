// What the table of settings says of a change to a living pool is what the pool does.
#include "messages/settings_table.hpp"

#include <string>
#include <vector>

#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

cluster_settings with_another(const setting<cluster_settings>& field, cluster_settings settings) {
  auto value = field.get(settings);
  if (field.type == setting_type::boolean)
    value = !std::get<bool>(value);
  else if (field.type == setting_type::choice)
    value = (std::get<std::uint64_t>(value) + 1) % field.choices.size();
  else if (field.type == setting_type::duration)
    value = std::get<std::chrono::milliseconds>(value) + 1s;
  else if (field.type == setting_type::text || field.type == setting_type::file)
    value = std::string{"/another"}.substr(field.type == setting_type::text ? 1 : 0);
  else if (field.type == setting_type::file_list || field.type == setting_type::text_list)
    value = std::vector<std::string>{"/another"};
  else
    value = std::get<std::uint64_t>(value) + 1;
  field.set(settings, value);
  return settings;
}

} // namespace

TEST_CASE("a change of a setting closes the open connections just where the setting's row says so") {
  for (const auto& field : cluster_fields()) {
    INFO(field.name);
    story s{lumi()};
    s.open_idle(1);
    s.release(l1, h3);
    auto changed = with_another(field, lumi());
    REQUIRE_FALSE(changed == lumi());
    auto closed = s.step(settings_changed{r1, changed}).find("close c1 settings") != std::string::npos;
    CHECK(closed == (field.on_change == setting_change::reopens));
    CHECK(closed == !same_connections(lumi(), changed));
  }
}
