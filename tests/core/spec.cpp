// Promises: the pool's specification as files (tests/spec) holds of our core, and says so when it does not.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "tests/core/spec_mutations.hpp"
#include "tests/core/spec_player.hpp"
#include "tests/core/spec_words.hpp"

namespace moorage::test::spec {

namespace {

const std::filesystem::path folder = std::filesystem::path{MOORAGE_SOURCE_DIR} / "tests" / "spec";

std::string whole(const std::filesystem::path& file) {
  std::ifstream in{file};
  return {std::istreambuf_iterator<char>{in}, {}};
}

std::vector<std::string> files() {
  std::vector<std::string> names;
  for (const auto& each : std::filesystem::directory_iterator{folder})
    if (each.path().extension() == ".toml")
      names.push_back(each.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

pool_case case_of(const std::string& file) {
  return read_case(whole(folder / file), file);
}

std::string lines(const std::vector<std::string>& each) {
  std::string text;
  for (const auto& line : each)
    text += line + "\n";
  return text;
}

/// What the pool's users can set, and what the specification has cases of.
const std::set<std::string> settings_covered{"acquire_timeout",
                                             "channels_per_connection",
                                             "connect_timeout",
                                             "connection_lifetime",
                                             "connects_at_once",
                                             "idle_timeout",
                                             "leak_reclaim",
                                             "leak_threshold",
                                             "min_idle",
                                             "overload_interval",
                                             "overload_target",
                                             "pool_size",
                                             "probe",
                                             "probe_failures_max",
                                             "probe_interval",
                                             "probe_interval_max",
                                             "probe_interval_unhealthy",
                                             "probe_share",
                                             "probe_timeout",
                                             "probes_at_once",
                                             "proving_time",
                                             "queue_depth"};

/// How many cases such a pool fails.
std::size_t failed_by(const played_pool& pool) {
  std::size_t count = 0;
  for (const auto& file : files()) {
    auto played = case_of(file);
    count += !faults_of(played, play(played, pool)).empty();
  }
  return count;
}

template <class Effect>
void undone(pool_effects& effects) {
  std::erase_if(effects, [](const auto& each) { return std::holds_alternative<Effect>(each); });
}

template <class Effect>
void twice(pool_effects& effects) {
  pool_effects all;
  for (const auto& each : effects) {
    all.push_back(each);
    if (std::holds_alternative<Effect>(each))
      all.push_back(each);
  }
  effects = std::move(all);
}

/// A case that is well-formed, with one line put in the place of another.
std::string spoilt(const std::string& line, const std::string& instead) {
  std::string text = "description = \"one\"\n"
                     "topic = \"grants\"\n"
                     "ignore = [\"opened\"]\n"
                     "steps = [\n"
                     "  { do = \"acquire\", thread = \"t\", label = \"a\", patience = \"5s\" },\n"
                     "  { do = \"opened\", connection = 1 },\n"
                     "]\n"
                     "events = [\n"
                     "  { event = \"opening\", connection = 1 },\n"
                     "  { event = \"granted\", label = \"a\" },\n"
                     "]\n"
                     "[settings]\n"
                     "pool_size = 1\n"
                     "[outcomes]\n"
                     "a = \"granted\"\n"
                     "[status]\n"
                     "leases = 1\n";
  auto place = text.find(line);
  REQUIRE(place != std::string::npos);
  return text.replace(place, line.size(), instead);
}

/// What is said of it; "" if nothing.
std::string refusal_of(const std::string& text) {
  try {
    read_case(text, "one.toml");
    return {};
  } catch (const malformed& wrong) {
    return wrong.what();
  }
}

} // namespace

TEST_CASE("every case of the pool's specification holds of our core") {
  for (const auto& file : files()) {
    DYNAMIC_SECTION(file) {
      auto played = case_of(file);
      INFO(played.description);
      CHECK(lines(faults_of(played, play(played))) == "");
    }
  }
}

TEST_CASE("no case of the specification depends on what a pool leaves to chance") {
  for (const auto& file : files()) {
    auto played = case_of(file);
    for (std::uint64_t seed = 2; seed <= 40; ++seed) {
      INFO(file << ", seed " << seed);
      CHECK(lines(faults_of(played, play(played, {seed}))) == "");
    }
  }
}

TEST_CASE("whatever a case of the specification expects, it is reported when something else happens") {
  for (const auto& file : files()) {
    for (const auto& wrong : wrong_versions(case_of(file))) {
      INFO(file << ": " << wrong.what);
      CHECK(lines(faults_of(wrong.expects, play(wrong.expects))) != "");
    }
  }
}

TEST_CASE("a pool that does not heed a setting fails a case of the specification") {
  for (const auto& setting : settings_covered) {
    INFO(setting);
    CHECK(failed_by({.deaf_to = setting}) > 0);
  }
}

TEST_CASE("a pool that leaves something undone, or does it twice, fails a case of the specification") {
  CHECK(failed_by({.bug = undone<request_permit>}) > 0);
  CHECK(failed_by({.bug = undone<open_connection>}) > 0);
  CHECK(failed_by({.bug = undone<close_connection>}) > 0);
  CHECK(failed_by({.bug = undone<grant>}) > 0);
  CHECK(failed_by({.bug = undone<refuse>}) > 0);
  CHECK(failed_by({.bug = undone<acknowledge>}) > 0);
  CHECK(failed_by({.bug = undone<end_lease>}) > 0);
  CHECK(failed_by({.bug = undone<notify_holder>}) > 0);
  CHECK(failed_by({.bug = undone<start_probe>}) > 0);
  CHECK(failed_by({.bug = undone<announce>}) > 0);
  CHECK(failed_by({.bug = undone<give_up_channel>}) > 0);
  CHECK(failed_by({.bug = twice<open_connection>}) > 0);
  CHECK(failed_by({.bug = twice<close_connection>}) > 0);
  CHECK(failed_by({.bug = twice<grant>}) > 0);
  CHECK(failed_by({.bug = twice<refuse>}) > 0);
  CHECK(failed_by({.bug = twice<acknowledge>}) > 0);
  CHECK(failed_by({.bug = twice<notify_holder>}) > 0);
  CHECK(failed_by({.bug = twice<start_probe>}) > 0);
  CHECK(failed_by({.bug = twice<give_up_channel>}) > 0);
}

TEST_CASE("a second answer to one question is a fault, whether the case looks at it or not") {
  auto one = read_case(spoilt("[\"opened\"]", "[\"opened\", \"refused\"]"), "one.toml");
  CHECK(lines(faults_of(one, play(one))) == "");
  auto both = [](pool_effects& effects) {
    if (auto* given = effects.empty() ? nullptr : std::get_if<grant>(&effects.back()))
      effects.emplace_back(refuse{given->request, {errc::acquire_timeout, "too late"}});
  };
  auto granted_last = [both](pool_effects& effects) {
    std::stable_partition(effects.begin(), effects.end(),
                          [](const auto& each) { return !std::holds_alternative<grant>(each); });
    both(effects);
  };
  CHECK_THAT(lines(faults_of(one, play(one, {.bug = granted_last}))),
             Catch::Contains("a is answered twice: granted, acquire_timeout"));
}

TEST_CASE("the specification has a hundred cases or more, some of every topic, each a promise of its own") {
  std::set<std::string> topics_met, descriptions;
  for (const auto& file : files()) {
    auto each = case_of(file);
    topics_met.insert(each.topic);
    INFO(file);
    CHECK(descriptions.insert(each.description).second);
    CHECK(file.starts_with(each.topic + "-"));
    for (const auto& [name, value] : each.settings)
      CHECK(settings_covered.contains(name));
    for (const auto& [name, value] : each.settings)
      CHECK(find_cluster_field(name)->get(any_cluster()) != value); // else it says nothing
  }
  CHECK(descriptions.size() >= 100);
  CHECK(topics_met == std::set<std::string>(topics().begin(), topics().end()));
}

TEST_CASE("a case that is not in the specification's format is refused, with file, line and key") {
  REQUIRE(refusal_of(spoilt("pool_size = 1", "pool_size = 1")) == "");
  using row = std::pair<std::pair<std::string, std::string>, std::string>;
  for (const auto& [change, said] : {
           row{{"description = \"one\"", "descriptoin = \"one\""}, "one.toml:1: descriptoin: there is no"},
           row{{"description = \"one\"", ""}, "description: must be a text"},
           row{{"\"grants\"", "\"grant\""}, "one.toml:2: topic: there is no topic 'grant'; allowed: grants,"},
           row{{"\"opened\"]", "\"open\"]"}, "one.toml:3: ignore: must be kinds of events"},
           row{{"\"opened\"]", "\"granted\"]"}, "events[1]: 'granted' is expected and ignored"},
           row{{"do = \"acquire\"", "do = \"aquire\""}, "one.toml:5: steps[0].do: there is no 'aquire'"},
           row{{"do = \"acquire\", ", ""}, "steps[0].do: must be a text; allowed: acquire, cancel"},
           row{{"patience", "pateince"}, "steps[0].pateince: there is no such key; allowed: label, thread"},
           row{{"\"5s\"", "\"5\""}, "steps[0].patience: '5' is no time; allowed: such as 250ms"},
           row{{"\"5s\"", "5"}, "steps[0].patience: must be a text"},
           row{{"thread = \"t\", ", ""}, "steps[0].thread: is missing"},
           row{{"thread = \"t\"", "thread = \"\""}, "steps[0].thread: must not be empty"},
           row{{"opened\", connection = 1", "opened\", connection = 0"}, "connection: must be a number, 1"},
           row{{"{ do = \"opened\", connection = 1 }", "{ do = \"cancel\", label = \"b\" }"},
               "steps[1].label: nobody has acquired 'b' before"},
           row{{"{ do = \"opened\", connection = 1 }", "{ do = \"pause\", as = \"a\" }"},
               "steps[1].as: 'a' stands for something else already"},
           row{{"{ do = \"opened\", connection = 1 }", "{ do = \"fails\", connection = 1, kind = \"bad\" }"},
               "steps[1].kind: there is no 'bad'; allowed: timed_out"},
           row{{"{ do = \"opened\", connection = 1 }", "{ do = \"set\", pool_siz = 1 }"},
               "steps[1].pool_siz: there is no such key"},
           row{{"{ do = \"opened\", connection = 1 }", "{ do = \"set\", min_idle = 2 }"},
               "one.toml:6: steps[1]: min_idle"},
           row{{"event = \"granted\"", "event = \"grant\""}, "events[1].event: there is no 'grant'"},
           row{{"granted\", label", "granted\", lease"}, "events[1].lease: there is no such key; allowed"},
           row{{"granted\", label = \"a\"", "granted\", label = \"b\""}, "label: nothing is called 'b'"},
           row{{"pool_size = 1", "pool_sise = 1"}, "one.toml:13: settings.pool_sise: there is no such set"},
           row{{"pool_size = 1", "pool_size = 0"}, "one.toml:13: settings.pool_size: "},
           row{{"pool_size = 1", "pool_size = \"1\""}, "settings.pool_size: allowed: 1 to 10000"},
           row{{"a = \"granted\"", "a = \"done\""}, "outcomes.a: there is no outcome 'done'"},
           row{{"a = \"granted\"", ""}, "outcomes.a: is missing"},
           row{{"a = \"granted\"", "a = \"granted\"\nb = \"granted\""}, "outcomes.b: nothing is called so"},
           row{{"leases = 1", "lease = 1"}, "one.toml:17: status.lease: there is no such key"},
           row{{"leases = 1", "leases = -1"}, "status.leases: must be a number, 0 or more"},
           row{{"leases = 1", "leases 1"}, "one.toml:17: not TOML: "},
       }) {
    INFO(change.second);
    CHECK_THAT(refusal_of(spoilt(change.first, change.second)), Catch::Contains(said));
    CHECK_THAT(refusal_of(spoilt(change.first, change.second)), Catch::StartsWith("one.toml:"));
  }
}

TEST_CASE("a step that has no room beside what a pool did is a fault of the case, not passed over") {
  for (const auto& [step, said] : {
           std::pair{"{ do = \"opened\", connection = 2 }", "steps[1] (opened): the pool has opened no"},
           std::pair{"{ do = \"release\", label = \"a\" }", "steps[1] (release): a was not granted"},
           std::pair{"{ do = \"closed\", connection = 1 }", "steps[1] (closed): nobody closes"},
           std::pair{"{ do = \"probe_passes\", connection = 1 }", "this connection was not probed as often"},
           std::pair{"{ do = \"allow_log_in\" }", "no log-in waits for leave"},
           std::pair{"{ do = \"expect\", waiters = 2 }",
                     "steps[1] (expect): expected waiters = 2, but it is 1"},
       }) {
    auto odd = read_case(spoilt("{ do = \"opened\", connection = 1 }", step), "one.toml");
    INFO(step);
    CHECK_THAT(lines(faults_of(odd, play(odd))), Catch::Contains(said));
  }
}

TEST_CASE("the case that the page of the specification's format shows holds of our core") {
  auto page = whole(folder / "README.md");
  const std::string fence = "```toml\n";
  auto begin = page.find(fence);
  REQUIRE(begin != std::string::npos);
  begin += fence.size();
  auto shown = read_case(page.substr(begin, page.find("```", begin) - begin), "README.md");
  CHECK(lines(faults_of(shown, play(shown))) == "");
}

TEST_CASE("the page of the specification's format tells every word of it") {
  auto page = whole(folder / "README.md");
  auto told = [&page](std::string_view name) {
    INFO(name);
    CHECK(page.find("`" + std::string{name} + "`") != std::string::npos);
  };
  for (auto words : {&operations(), &event_kinds()})
    for (const auto& each : *words) {
      told(each.name);
      for (const auto& key : each.keys)
        told(key.name);
    }
  for (auto keys : {&event_times(), &world_keys(), &status_keys()})
    for (const auto& key : *keys) {
      told(key.name);
      for (auto choice : key.choices)
        told(choice);
    }
  for (auto words : {&topics(), &sections()})
    for (auto each : *words)
      told(each);
  for (const auto& setting : settings_covered)
    told(setting);
  for (const auto& file : files()) {
    auto each = case_of(file);
    for (const auto& [name, outcome] : each.outcomes)
      told(outcome);
    for (const auto& group : each.events)
      for (const auto& expected : group)
        for (const auto& [name, said] : expected.keys)
          if (name == "error" || name == "kind" || name == "reason")
            told(std::get<std::string>(said));
  }
}

} // namespace moorage::test::spec
