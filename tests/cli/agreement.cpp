#include "tests/cli/agreement.hpp"

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>
#include <pwd.h>
#include <unistd.h>

#include "tests/support/between.hpp"

namespace moorage::cli_tests {

using namespace std::chrono_literals;
using support::between;

namespace {

/// What a command tells that ran there.
constexpr const char* who_and_where = "set -- $SSH_CONNECTION; echo \"$USER at $3 port $4, from $1\"";

bool has(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

/// What `ssh -v` would say without -v.
std::string without_debug(const std::string& said) {
  std::string result;
  for (const auto& each : lines_of(said))
    if (!each.starts_with("debug"))
      result += each + "\n";
  return result;
}

using sayings = std::vector<std::pair<const char*, const char*>>;

const sayings ends_of_ssh{{"marked as revoked", "revoked"},
                          {"HOST IDENTIFICATION HAS CHANGED", "changed"},
                          {"Host key verification failed", "unknown"},
                          {"Permission denied (", "denied"},
                          {"no matching host key type", "nothing in common"},
                          {"terminating, ", "bad"},
                          {"command-line", "bad"},
                          {"config line ", "bad"},
                          {"recursive configuration includes", "bad"},
                          {"percent_expand: ", "bad"}};
const sayings ends_of_moorage{{", which is revoked at ", "revoked"},
                              {". Somebody may be intercepting the connection", "changed"},
                              {" one for this host", "unknown"},
                              {" denied", "denied"},
                              {"there is nothing to log in with", "denied"},
                              {"in ssh's configuration: ", "denied"},
                              {"no match for method server host key algo", "nothing in common"},
                              {"ssh_config cannot be read", "bad"},
                              {"moorage: ssh_host lumi: ", "bad"},
                              {"moorage ssh --help", "bad"}};

std::string end_of(const finished& ended, const sayings& ends) {
  if (ended.code == 0)
    return "in";
  const auto words = without_debug(ended.error_output);
  for (auto [said, end] : ends)
    if (has(words, said))
      return end;
  return "otherwise";
}

/// What is in one account alone, in the order in which it is there.
void add_missing(const lines& from, const lines& other, const std::string& whose, lines& to) {
  auto left = other;
  for (const auto& line : from)
    if (auto found = std::find(left.begin(), left.end(), line); found != left.end())
      left.erase(found);
    else
      to.push_back(whose + line);
}

/// A key that ssh shows without being told to; empty: there is none.
std::string usual_key() {
  for (const char* kind : {"rsa", "dsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk", "xmss"}) {
    auto file = std::string{getpwuid(geteuid())->pw_dir} + "/.ssh/id_" + kind;
    if (std::filesystem::exists(std::filesystem::symlink_status(file)))
      return file;
  }
  return {};
}

bool names_a_key(const trial& of) {
  auto text = of.config;
  for (const auto& each : of.words)
    text += " " + each;
  return has(text, "IdentityFile") || has(text, "IDENTITYFILE") || has(text, " -i ");
}

lines difference(const lines& ssh, const lines& ours) {
  lines result;
  add_missing(ssh, ours, "ssh: ", result);
  add_missing(ours, ssh, "moorage: ", result);
  if (result.empty() && ssh != ours)
    result.emplace_back("in another order");
  return result;
}

} // namespace

void agreement::add_log(server& of, account& to) const {
  const auto log = of.sshd->log();
  for (const auto& line : lines_of(log.substr(of.read))) {
    if (line.starts_with("Connection from ") && !knocked_.contains(std::stoi(between(line, " port ", " "))))
      to.told.push_back(of.name + ": from " + between(line, "from ", " ") + " to " +
                        between(line, " on ", " ") + " port " +
                        between(line.substr(line.find(" on ")), " port ", " "));
    to.queries += line.starts_with("Failed publickey ") || line.starts_with("Postponed publickey ");
    for (const char* fate : {"Failed", "Accepted"})
      if (auto method = between(line, fate + std::string{" "}, " for ");
          line.starts_with(fate) && !has(method, " ") && method != "none")
        to.told.push_back(of.name + ": " + fate + " for " + between(line, " for ", " from ") + ": " + method +
                          " " + named(between(line, " ssh2: ", "\n")));
  }
}

program_spec agreement::asking(const trial& of, client who) const {
  program_spec how{{}, folder_.path(), {}, of.environment};
  const lines file{"-F", folder_ / "config"};
  const lines first = who == client::ssh           ? lines{"ssh", "-v", "-o", "BatchMode=yes"}
                      : who == client::moorage_ssh ? lines{"ssh"}
                                                   : lines{};
  for (const auto* part : {&first, &file})
    how.arguments.insert(how.arguments.end(), part->begin(), part->end());
  if (who == client::ssh)
    how.executable = "/usr/bin/env";
  if (who == client::moorage_exec)
    how.arguments.emplace_back("exec");
  for (const auto& each : of.words)
    how.arguments.push_back(written(each));
  if (who == client::moorage_exec)
    how.arguments.emplace_back("--");
  how.arguments.emplace_back(who_and_where);
  for (auto& [name, value] : how.environment)
    value = written(value);
  how.environment["MOORAGE_CONFIG"] = folder_ / "moorage.toml";
  if (!agent_.empty())
    how.environment.emplace("SSH_AUTH_SOCK", agent_);
  return how;
}

agreement::account agreement::account_of(const trial& of, client who) {
  prepare(of);
  for (auto& each : servers_)
    each.read = each.sshd->log().size();
  auto ended = run(asking(of, who), 20s);
  INFO((who == client::ssh ? "ssh" : "moorage") << " says:\n" << ended.error_output);
  REQUIRE(ended.signal == 0); // that it hangs need not be seen in each further trial
  if (ended.code != 0)
    settle();
  account result{
      end_of(ended, who == client::ssh ? ends_of_ssh : ends_of_moorage), {}, 0, ended.error_output};
  result.told.push_back("ended with " + std::to_string(ended.code) +
                        (ended.output.empty() ? "" : ": " + lines_of(ended.output).front()));
  for (auto& each : servers_)
    add_log(each, result);
  add_missing(lines_of(support::contents_of(folder_ / "known")), lines_of(written(of.known)),
              "written down: ", result.told);
  for (auto& line : result.told)
    if (auto hash = line.find("|1|"); hash != std::string::npos)
      line.replace(hash, line.find(' ', hash) - hash, "(hashed)");
  return result;
}

void agreement::check(const trial& of, const account& ssh, client whose) {
  auto ours = account_of(of, whose);
  INFO((whose == client::moorage_exec ? "moorage exec" : "moorage ssh") << " says:\n" << ours.words);
  lines meant;
  for (const auto& each : of.differing)
    meant.push_back(written(each));
  CHECK(ours.ends == (of.ends_here.empty() ? of.ends : of.ends_here));
  CHECK(difference(ssh.told, ours.told) == meant);
  if (of.ends == "bad") // of a file's lines one is told ssh's own complaint
    for (const auto& each : lines_of(without_debug(ssh.words)))
      if (has(each, " line ") && !each.starts_with("command-line"))
        CHECK_THAT(ours.words, Catch::Contains(each));
}

/// `moorage config` has for the alias what `ssh -G` has.
void agreement::compare_settings(const trial& of) {
  prepare(of);
  auto how = asking(of, client::moorage_exec);
  how.arguments = {"-F", folder_ / "config", "--json", "config", of.words.front()};
  const auto ours = run(how, 20s);
  how.arguments = {"ssh", "-G", "-F", folder_ / "config", of.words.front()};
  how.executable = "/usr/bin/env";
  const auto ssh = run(how, 20s);
  INFO("moorage config says:\n" << ours.error_output);
  CHECK((ours.code == 0) == ((of.ends_here.empty() ? of.ends : of.ends_here) != "bad"));
  if (ours.code != 0)
    return;
  CHECK(ssh.code == 0);
  const auto settings = nlohmann::json::parse(ours.output).at("clusters").at(of.words.front());
  for (const auto& [name, its] : {std::pair{"host", "hostname"},
                                  {"port", "port"},
                                  {"user", "user"},
                                  {"host_key_alias", "hostkeyalias"},
                                  {"bind_address", "bindaddress"}}) {
    INFO(name);
    const auto& value = settings.at(name).at("value");
    auto text = value.is_string() ? value.get<std::string>() : value.dump();
    if (text.empty() && name == std::string{"user"})
      text = written("<me>");
    CHECK(text == between("\n" + ssh.output, std::string{"\n"} + its + " ", "\n"));
  }
}

void agreement::compare_one(const trial& of, bool by_others_too) {
  INFO(written(of.config));
  std::string words;
  for (const auto& each : of.words)
    words += " " + written(each);
  INFO("words:" << words);
  auto ssh = account_of(of, client::ssh);
  // Each key that ssh says it shows is one that a server was shown: nothing is overlooked here.
  auto offered = 0;
  for (const auto& each : lines_of(ssh.words))
    offered += has(each, "Offering public key: ");
  std::string account;
  for (const auto& each : ssh.told)
    account += each + "\n";
  INFO("ssh's account:\n" << account);
  INFO("ssh says:\n" << without_debug(ssh.words));
  CHECK(ssh.queries == offered);
  CHECK(ssh.ends == of.ends);
  CHECK(of.because.empty() == (of.differing.empty() && of.ends_here.empty()));
  check(of, ssh, client::moorage_ssh);
  if (!by_others_too)
    return;
  check(of, ssh, client::moorage_exec);
  compare_settings(of);
}

void agreement::compare(const std::vector<trial>& all) {
  const auto usual = usual_key();
  for (std::size_t i = 0; i < all.size(); ++i)
    if (usual.empty() || names_a_key(all[i]))
      compare_one(all[i], is_tried_by_others(all[i], i));
    else
      WARN("skipped, since there is " << usual << ": " << all[i].config);
}

} // namespace moorage::cli_tests
