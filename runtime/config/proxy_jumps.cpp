#include "runtime/config/proxy_jumps.hpp"

#include <algorithm>
#include <optional>

#include "messages/printable.hpp"
#include "messages/settings_table.hpp"
#include "messages/settings_text.hpp"
#include "runtime/config/openssh_answers.hpp"
#include "runtime/config/settings_digest.hpp"

namespace moorage {

namespace {

/// Hosts that one leads to another: as many as people have networks, and few enough for a deadline each.
constexpr std::size_t most_hops = 16;

// "a:" is "a", and "ssh://a/" as well, as ssh has it, which puts every address in brackets, not IPv6's alone.
std::string plain(std::string text) {
  if (text.starts_with("ssh://"))
    text.erase(0, 6);
  while (text.ends_with('/') || text.ends_with(':'))
    text.pop_back();
  auto open = text.find('['), close = text.find(']');
  if (open < close && close != std::string::npos &&
      text.substr(open, close - open).find(':') == std::string::npos) {
    text.erase(close, 1);
    text.erase(open, 1);
  }
  return text;
}

bool names_port(const std::string& text, const std::string& host) {
  auto after_user = text.substr(text.rfind('@') + 1); // npos + 1 is 0
  return after_user.size() > host.size() + (after_user.starts_with('[') ? 2 : 0);
}

/// The host's place in the text, where a Host may be called as no host is: "a+b". Else nothing.
std::optional<std::pair<std::size_t, std::size_t>> name_of_host_alone(const std::string& text) {
  auto from = text.rfind('@') + 1; // npos + 1 is 0
  auto host = text.substr(from, text.find(':', from) - from);
  auto may = [&host](const char* field) { return check_value(*find_cluster_field(field), host).empty(); };
  return may("ssh_host") && !may("host") ? std::optional{std::pair{from, host.size()}} : std::nullopt;
}

/// What -o says is of the destination, as ssh has it; so are a password and the name that the destination's
/// key is looked up by, wherever they are said.
cluster_config usual_hop(const cluster_config& defaults) {
  auto result = defaults;
  const cluster_settings built_in;
  for (const auto& field : cluster_fields())
    if (field.name == "password_secret" || field.name == "host_key_alias" ||
        result.origin_of(field.name).from == setting_origin::source::command_line) {
      field.set(result.settings, field.get(built_in));
      result.note_origin(field.name, {});
    }
  return result;
}

bool same_place(const cluster_settings& a, const cluster_settings& b) {
  return a.host == b.host && a.port == b.port && a.user == b.user && a.host_key_alias == b.host_key_alias;
}

} // namespace

proxy_jumps::no_way proxy_jumps::cannot_go(const std::string& text, const std::string& why, bool circle) {
  return {{errc::invalid_settings, "ProxyJump " + printable(text) + ": " + why}, circle};
}

/// Whose way it is.
proxy_jumps::no_way proxy_jumps::needed_by(const std::string& who, no_way wrong) {
  if (!wrong.circle)
    wrong.text = "the way to '" + printable(who) + "': " + wrong.text;
  return wrong;
}

proxy_jumps::no_way proxy_jumps::parse_hop(const std::string& text, cluster_config& result) {
  auto parsed = text;
  auto name = name_of_host_alone(text);
  if (name)
    parsed.replace(name->first, name->second, "a");
  auto wrong = parse_destination(parsed, result.settings);
  if (wrong.code != errc::none)
    return cannot_go(text, wrong.text);
  if (name) {
    result.settings.name = text;
    result.settings.host = text.substr(name->first, name->second);
  }
  const auto& host = result.settings.host;
  // What it says itself stays, whatever its Host says; ssh gives it to the other ssh as options.
  if (text.find('@') != std::string::npos)
    result.note_origin("user", {setting_origin::source::destination, 0});
  if (names_port(text, host))
    result.note_origin("port", {setting_origin::source::destination, 0});
  if (auto why = check_value(*find_cluster_field("ssh_host"), host); !why.empty())
    return cannot_go(text, why);
  result.settings.ssh_host = host;
  return {};
}

failure proxy_jumps::lead(cluster_config& cluster, const std::string& hops) {
  hosts followed{cluster.settings.ssh_host};
  return lead(cluster, cluster.settings.name, hops, followed);
}

failure proxy_jumps::lead_by(cluster_config& cluster, const std::string& hops) {
  hosts followed;
  auto name = cluster.settings.name;
  cluster.settings.name += "-by-jumps";
  auto wrong = lead(cluster, name, hops, followed);
  cluster.settings.name = std::move(name);
  return wrong;
}

// `who`: the cluster, as whoever is told of its way knows it.
proxy_jumps::no_way proxy_jumps::lead(cluster_config& cluster, const std::string& who,
                                      const std::string& hops, hosts& followed) {
  hop nearest;
  const hop* before = nullptr;
  std::size_t count = 0;
  for (std::size_t at = 0; at <= hops.size(); ++count) {
    auto end = std::min(hops.find(',', at), hops.size());
    if (count == most_hops)
      return needed_by(
          who, cannot_go(hops, "more than " + std::to_string(most_hops) + " hosts, one behind another"));
    hop next;
    auto wrong = find(plain(hops.substr(at, end - at)), before, cluster, followed, next);
    if (wrong.code != errc::none)
      return needed_by(who, std::move(wrong));
    nearest = std::move(next);
    before = &nearest;
    at = end + 1;
  }
  cluster.settings.jump = nearest.cluster.settings.name;
  cluster.settings.proxy_command.clear();
  cluster.note_origin("jump", {setting_origin::source::ssh_config, 0});
  cluster.jumps.clear();
  if (!nearest.of_table) {
    auto further = std::move(nearest.cluster.jumps);
    nearest.cluster.jumps.clear();
    cluster.jumps.push_back(std::move(nearest.cluster));
    std::move(further.begin(), further.end(), std::back_inserter(cluster.jumps));
  }
  if (auto wrong = check_settings(cluster.settings); wrong.code != errc::none)
    return needed_by(who, cannot_go(hops, wrong.text));
  return {};
}

proxy_jumps::no_way proxy_jumps::find(const std::string& text, const hop* before, const cluster_config& of,
                                      hosts& followed, hop& result) {
  const auto& file = of.settings.ssh_config;
  auto key = text + "\n" + file + "\n" + (before ? before->cluster.settings.name : "");
  if (auto known = known_.find(key); known != known_.end()) {
    result = known->second;
    return {};
  }
  hop found;
  auto& jump = found.cluster;
  jump = usual_hop(from_.defaults);
  jump.settings.ssh_config = file;
  jump.settings.min_idle =
      0; // a reserve for commands there would be a log-in more than what goes by it needs
  jump.note_origin("ssh_config", of.origin_of("ssh_config"));
  if (auto wrong = parse_hop(text, jump); wrong.code != errc::none)
    return wrong;
  if (auto failed = failed_.find(key); failed != failed_.end())
    return failed->second;
  if (auto wrong = follow(jump, before, followed); wrong.code != errc::none) {
    // What ssh has no answer for it has none for the next; a circle depends on where one comes from.
    if (!wrong.circle)
      failed_.emplace(key, wrong);
    return wrong;
  }
  if (cluster_config of_table; table_of(jump, before, followed, of_table)) {
    jump = std::move(of_table);
    found.of_table = true;
  } else {
    jump.settings.name = name_of(jump, before);
  }
  result = known_.emplace(key, std::move(found)).first->second;
  return {};
}

// Its Host, and the way there.
proxy_jumps::no_way proxy_jumps::follow(cluster_config& jump, const hop* before, hosts& followed) {
  if (before != nullptr) {
    // A host behind itself is another cluster than the one that it stands behind.
    if (jump.settings.name == before->cluster.settings.name)
      jump.settings.name += "-behind";
    jump.settings.jump = before->cluster.settings.name;
    jump.settings.proxy_command.clear();
    jump.note_origin("jump", {setting_origin::source::ssh_config, 0});
    if (!before->of_table) {
      jump.jumps = before->cluster.jumps;
      jump.jumps.insert(jump.jumps.begin(), before->cluster);
      jump.jumps.front().jumps.clear();
    }
  }
  std::string hops;
  if (auto wrong = ask_openssh_alone(jump, answers_, hops, stop_); wrong.code != errc::none || hops.empty())
    return {std::move(wrong)};
  const auto& host = jump.settings.ssh_host;
  auto round = std::find(followed.begin(), followed.end(), host) != followed.end();
  followed.push_back(host);
  if (round || followed.size() > most_hops) {
    std::string way;
    for (const auto& each : followed)
      way += (way.empty() ? "'" : "' by '") + each;
    return cannot_go(hops, (round ? "a circle: " : "too many hosts, one behind another: ") + way + "'",
                     round);
  }
  auto wrong = lead(jump, host, hops, followed);
  followed.pop_back();
  return wrong;
}

// One that somebody has written down, if it is the same machine and user.
bool proxy_jumps::table_of(const cluster_config& jump, const hop* before, hosts& followed,
                           cluster_config& result) {
  const auto& host = jump.settings.ssh_host;
  for (const auto& each : from_.clusters) {
    if (each.settings.name != host && each.settings.ssh_host != host)
      continue;
    result = each;
    std::string its_hops;
    if (ask_openssh_alone(result, answers_, its_hops, stop_).code != errc::none ||
        !same_place(result.settings, jump.settings))
      continue;
    if (before == nullptr)
      return true;
    // Behind other hosts it is the same only by the same way.
    followed.push_back(host);
    auto led = its_hops.empty() ||
               (followed.size() <= most_hops && lead(result, host, its_hops, followed).code == errc::none);
    followed.pop_back();
    if (led && result.settings.jump == before->cluster.settings.name)
      return true;
  }
  return false;
}

// What a command would call it, where that is the same cluster; else no name that means another one.
std::string proxy_jumps::name_of(const cluster_config& jump, const hop* before) const {
  const auto& settings = jump.settings;
  auto taken = from_.find(settings.ssh_host) != nullptr ||
               std::any_of(from_.unusable.begin(), from_.unusable.end(),
                           [&](const auto& each) { return each.first == settings.ssh_host; });
  auto of_defaults = settings.ssh_config == from_.defaults.settings.ssh_config &&
                     jump.origin_of("ssh_config").from != setting_origin::source::command_line;
  if (!taken && of_defaults && before == nullptr && settings.name == settings.ssh_host)
    return settings.name;
  constexpr std::size_t most = 280; // a name's own bound is 300
  return settings.name.substr(0, most) + "-" + settings_digest(settings);
}

void add_jumps(configuration& to) {
  std::vector<cluster_config> jumps;
  for (const auto& each : to.clusters)
    jumps.insert(jumps.end(), each.jumps.begin(), each.jumps.end());
  for (auto& each : jumps)
    if (to.find(each.settings.name) == nullptr)
      to.clusters.push_back(std::move(each));
}

void leave_out_circles(configuration& of, std::vector<config_problem>& problems) {
  auto find = [&of](const std::string& name) -> const cluster_settings* {
    const auto* known = of.find(name);
    return known != nullptr ? &known->settings : nullptr;
  };
  std::vector<std::string> circles;
  for (const auto& each : of.clusters)
    circles.push_back(jump_circle(each.settings, find));
  std::vector<cluster_config> usable;
  for (std::size_t i = 0; i < circles.size(); ++i) {
    auto& cluster = of.clusters[i];
    if (circles[i].empty()) {
      usable.push_back(std::move(cluster));
      continue;
    }
    const auto& name = cluster.settings.name;
    problems.push_back({of.file, cluster.origin_of("jump").line, 0, "clusters." + name, circles[i]});
    of.unusable.emplace_back(name, failure{errc::invalid_settings, circles[i]});
  }
  of.clusters = std::move(usable);
}

failure find_jumps(const configuration& from, const cluster_config& of, std::vector<cluster_config>& result,
                   const std::stop_token& stop) {
  auto among = [](const std::vector<cluster_config>& these,
                  const std::string& name) -> const cluster_config* {
    auto found = std::find_if(these.begin(), these.end(),
                              [&name](const auto& each) { return each.settings.name == name; });
    return found == these.end() ? nullptr : &*found;
  };
  auto made = of.jumps;
  for (auto next = of.settings.jump; !next.empty() && among(result, next) == nullptr;) {
    cluster_config jump;
    if (const auto* there = among(made, next)) {
      jump = *there;
    } else if (auto wrong = find_cluster(from, next, jump, stop); wrong.code != errc::none) {
      wrong.text = "the jump host of '" + of.settings.name + "': " + wrong.text;
      return wrong;
    }
    made.insert(made.end(), jump.jumps.begin(), jump.jumps.end());
    next = jump.settings.jump;
    result.push_back(std::move(jump));
  }
  auto circle = jump_circle(of.settings, [&](const std::string& name) -> const cluster_settings* {
    const auto* known = among(result, name);
    return known ? &known->settings : nullptr;
  });
  return circle.empty() ? failure{} : failure{errc::invalid_settings, circle};
}

} // namespace moorage
