// That enough is compared with ssh, and of every class.
#include <algorithm>
#include <regex>
#include <set>

#include "tests/cli/agreement.hpp"

using namespace moorage::cli_tests;

namespace {

std::vector<std::vector<trial>> all_trials() {
  namespace of = trials;
  std::vector<std::vector<trial>> result;
  for (auto* each : {of::keys_of_a_host, of::keys_of_no_use, of::keys_of_words, of::keys_of_agents,
                     of::no_keys_of_files, of::certificates, of::keys_of_hosts, of::files_of_known_hosts,
                     of::certified_hosts, of::bad_lines, of::hosts_and_matches, of::included_files,
                     of::destinations_in_words, of::jumps, of::jumps_of_words, of::keys_of_jumps})
    result.push_back(each());
  return result;
}

/// All that makes it another configuration than the next.
std::string text_of(const trial& of) {
  auto text = "\n" + of.config;
  for (const auto& each : of.words)
    text += "\nword " + each;
  for (const auto& each : of.agent)
    text += "\nagent " + each;
  for (const auto* files : {&of.files, &of.copies})
    for (const auto& [name, content] : *files)
      text += "\nfile " + name + "\n" + content;
  for (const auto& [name, value] : of.environment)
    text += "\nenvironment " + name + "=" + value;
  return text + "\nends " + of.ends + "\nknown " + of.known;
}

/// Classes of configurations, each by what is in one's text.
const std::vector<std::pair<const char*, const char*>> classes{
    {"Host", R"(\nHost )"},
    {"Host with a pattern", R"(\nHost [^\n]*[*?])"},
    {"Host with a negation", R"(\nHost [^\n]*!)"},
    {"Match", R"(\nMatch )"},
    {"Match with a negation", R"(\nMatch [^\n]*!)"},
    {"Match exec", R"(\nMatch [^\n]*exec )"},
    {"Match final", R"(\nMatch final)"},
    {"Include", R"(\n *Include )"},
    {"Include of a pattern", R"(\n *Include [^\n]*\*)"},
    {"tokens", R"(IdentityFile [^\n]*%[hprnulLikC])"},
    {"variables of the environment", R"(\$\{)"},
    {"several IdentityFiles", R"(\n IdentityFile [^]*\n IdentityFile )"},
    {"an agent", R"(\nagent )"},
    {"IdentitiesOnly", R"(IdentitiesOnly)"},
    {"certificates", R"(CertificateFile)"},
    {"a jump", R"(\n ProxyJump \w+\n)"},
    {"several jumps", R"(\n ProxyJump \w+,)"},
    {"a jump with a user and a port of its own", R"(\n ProxyJump <gate:user>@<gate:host>:<gate:port>)"},
    {"a jump by a Host with a user and a port of its own", R"(\n ProxyJump gate\nHost gate\n<gate>)"},
    {"a jump of a jump", R"(\n<second>[^\n]*\n ProxyJump gate\n)"},
    {"ProxyCommand", R"(\n ProxyCommand )"},
    {"an alias", R"(\nHost lumi\n HostName <far:host>)"},
    {"an alias of a host's key", R"(HostKeyAlias)"},
    {"quotes", R"(\n[^\n]*"[^\n]*")"},
    {"bad lines", R"(\nends bad\n)"},
    {"words of a command", R"(\nword -)"},
    {"a key that is not known", R"(\nends unknown\n)"},
    {"a changed key", R"(\nends changed\n)"},
    {"a revoked key", R"(\nends revoked\n)"},
};

} // namespace

TEST_CASE(
    "ssh and moorage are compared by a hundred and twenty configurations at least, some of every class") {
  std::set<std::string> texts;
  std::size_t by_others = 0;
  for (const auto& some : all_trials())
    for (std::size_t i = 0; i < some.size(); ++i) {
      texts.insert(text_of(some[i]));
      by_others += is_tried_by_others(some[i], i);
    }
  CHECK(texts.size() >= 120);
  CHECK(by_others >= 40); // exec and config
  for (const auto& [name, pattern] : classes) {
    INFO(name);
    const std::regex wanted{pattern, std::regex::ECMAScript | std::regex::icase};
    CHECK(std::any_of(texts.begin(), texts.end(),
                      [&](const std::string& text) { return std::regex_search(text, wanted); }));
  }
}
