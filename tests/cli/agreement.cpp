#include "tests/cli/agreement.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/system/descriptors.hpp"
#include "runtime/system/program_output.hpp"
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

/// Connects and hangs up; the port from which.
int knock(const std::string& host, std::uint16_t port) {
  unique_fd fd{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in there{}, here{};
  there.sin_family = AF_INET;
  there.sin_port = htons(port);
  inet_pton(AF_INET, host.c_str(), &there.sin_addr);
  auto size = static_cast<socklen_t>(sizeof here);
  REQUIRE(connect(fd.get(), reinterpret_cast<sockaddr*>(&there), sizeof there) == 0);
  REQUIRE(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&here), &size) == 0);
  return ntohs(here.sin_port);
}

/// "/..", for each folder that leads there: what follows is from the root again.
std::string way_up_from(const std::filesystem::path& folder) {
  std::string result;
  for (const auto& each : folder.relative_path())
    result += each.empty() ? "" : "/..";
  return result;
}

std::string this_machine() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

lines lines_of(const std::string& text) {
  lines result;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);)
    result.push_back(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
  return result;
}

/// Without its comment.
std::string public_key(const std::string& file) {
  std::istringstream words{support::contents_of(file)};
  std::string type, key;
  words >> type >> key;
  return type + " " + key;
}

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
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

agreement::agreement() {
  std::filesystem::permissions(folder_.path(), std::filesystem::perms{0711});
  auto address = 0;
  for (const char* name : {"gate", "second", "far"}) {
    support::real_sshd_settings settings;
    settings.address = "127.0.0." + std::to_string(++address);
    settings.ordinary_user = address == 1;
    settings.config = {"AuthorizedKeysFile " + (folder_ / "authorized_keys"),
                       "TrustedUserCAKeys " + (folder_ / "authority.pub"), "MaxAuthTries 20"};
    servers_.push_back({name, std::make_unique<support::real_sshd>(settings)});
  }
  make_keys();
  std::ofstream{folder_ / "moorage.toml"};
}

void agreement::make_keys() {
  const std::string script =
      "cd " + folder_.path() +
      " && key() { name=$1; shift; ssh-keygen -q -a 1 -C $name -f $name \"$@\" & }; "
      "for k in k1 k2 w1 w2 c1 c2 authority; do key $k -t ed25519 -N ''; done; "
      "key locked -t ed25519 -N word; key lockedw -t ed25519 -N word; key rsa -t rsa -b 2048 -N ''; key "
      "ecdsa -t ecdsa -N ''; wait; "
      "certify() { ssh-keygen -q -s authority -I us -n " +
      servers_.front().sshd->user() + "," + servers_.back().sshd->user() +
      " -V $1 $2; }; "
      "cp locked unlocked && cp locked.pub unlocked.pub && ssh-keygen -q -p -P word -N '' -f unlocked && "
      "cp w1 open && chmod 644 open && cat k1.pub k2.pub rsa.pub ecdsa.pub locked.pub > authorized_keys && "
      "chmod 644 authorized_keys && "
      "certify -1h:+1h c2.pub && certify -1h:+1h c1.pub && mv c1-cert.pub apart.pub && "
      "certify -2h:-1h k2.pub && mv k2-cert.pub ended.pub && "
      "for k in k1 k2 w1 w2 c1 c2 locked lockedw rsa ecdsa authority; do ssh-keygen -l -f $k.pub; done > "
      "prints";
  REQUIRE(support::run_to_end({{"sh", "-c", script}}) == 0);
  for (const auto& line : lines_of(support::contents_of(folder_ / "prints"))) {
    std::istringstream words{line};
    std::string bits, print, name;
    words >> bits >> print >> name;
    fingerprints_.emplace_back(print, name);
  }
  REQUIRE(fingerprints_.size() == 11);
}

std::string agreement::named(std::string text) const {
  for (const auto& [print, name] : fingerprints_)
    replace_all(text, print, name);
  return text;
}

std::string agreement::written(std::string text) const {
  for (const auto& each : servers_) {
    const auto& sshd = *each.sshd;
    const auto port = std::to_string(sshd.port()), place = "[" + sshd.host() + "]:" + port;
    const auto part = [&](const char* of) { return "<" + each.name + of + ">"; };
    replace_all(text, part(""),
                " HostName " + sshd.host() + "\n Port " + port + "\n User " + sshd.user() + "\n");
    replace_all(text, part(":host"), sshd.host());
    replace_all(text, part(":port"), port);
    replace_all(text, part(":user"), sshd.user());
    replace_all(text, part(":key"), sshd.host_key());
    replace_all(text, part(":known"), place + " " + sshd.host_key() + "\n");
  }
  const auto& far = *servers_.back().sshd;
  const auto there = far.host() + " port " + std::to_string(far.port());
  const auto machine = this_machine();
  std::string digest;
  if (has(text, "<digest>"))
    digest = output_of({"sh", "-c", "printf %s \"$@\" | sha1sum", "sh",
                        machine + far.host() + std::to_string(far.port()) + far.user()},
                       10s)
                 .output.substr(0, 40);
  const auto* self = getpwuid(geteuid());
  const std::pair<const char*, std::string> ours[] = {
      {"<up>", way_up_from(self->pw_dir)},
      {"<k>", folder_.path()},
      {"<entered>", "ended with 0: " + far.user() + " at " + there + ", from 127.0.0.1"},
      {"<reached>", "far: from 127.0.0.1 to " + there},
      {"<took>", "far: Accepted for " + far.user() + ": publickey"},
      {"<turned down>", "far: Failed for " + far.user() + ": publickey"},
      {"<authority>", public_key(folder_ / "authority.pub")},
      {"<agent>", agent_},
      {"<digest>", digest},
      {"<machine>", machine},
      {"<short>", machine.substr(0, machine.find('.'))},
      {"<me>", self->pw_name},
      {"<uid>", std::to_string(self->pw_uid)}};
  for (const auto& [name, value] : ours)
    replace_all(text, name, value);
  return text;
}

/// Where a trial's file of that name goes, which is gone before the next trial.
std::filesystem::path agreement::place(const std::string& name) {
  const std::filesystem::path within = written(name), result = folder_ / within.string();
  placed_.insert(folder_ / within.begin()->string());
  std::filesystem::create_directories(result.parent_path());
  return result;
}

void agreement::prepare(const trial& of) {
  for (const auto& each : placed_)
    std::filesystem::remove_all(each);
  placed_.clear();
  agent_.clear();
  knocked_.clear();
  if (!of.agent.empty()) {
    auto& agent = agents_[of.agent];
    if (!agent) {
      lines keys;
      for (const auto& each : of.agent)
        keys.push_back(folder_ / each);
      agent = std::make_unique<support::ssh_agent>(keys);
    }
    agent_ = agent->socket();
  }
  for (const auto& [from, to] : of.copies)
    std::filesystem::copy_file(folder_ / from, place(to));
  std::ofstream{folder_ / "config"} << written(of.config) << "\nHost *\n GlobalKnownHostsFile none\n"
                                    << " UserKnownHostsFile " << folder_ / "known"
                                    << "\n";
  std::ofstream{folder_ / "known"} << written(of.known);
  for (const auto& [name, text] : of.files)
    std::ofstream{place(name)} << written(text);
}

/// Who hangs up at once leaves a server that has yet to tell of them: wait until it has told of us, who come
/// later, and all have gone.
void agreement::settle() {
  for (auto& each : servers_) {
    const auto ours = knock(each.sshd->host(), each.sshd->port());
    REQUIRE(each.sshd->wait_for_log("Connection from 127.0.0.1 port " + std::to_string(ours) + " ", 1, 20s));
    REQUIRE(each.sshd->wait_for_connections(0, 20s));
    knocked_.insert(ours);
  }
}

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

agreement::account agreement::account_of(const trial& of, bool moorage) {
  prepare(of);
  for (auto& each : servers_)
    each.read = each.sshd->log().size();
  program_spec how{{"ssh"}, folder_.path(), {}, of.environment};
  if (!moorage) {
    how.executable = "/usr/bin/env";
    how.arguments.insert(how.arguments.end(), {"-v", "-o", "BatchMode=yes"});
  }
  how.arguments.insert(how.arguments.end(), {"-F", folder_ / "config"});
  for (const auto& each : of.words)
    how.arguments.push_back(written(each));
  how.arguments.emplace_back(who_and_where);
  for (auto& [name, value] : how.environment)
    value = written(value);
  how.environment["MOORAGE_CONFIG"] = folder_ / "moorage.toml";
  if (!agent_.empty())
    how.environment.emplace("SSH_AUTH_SOCK", agent_);
  auto ended = run(how, 20s);
  INFO((moorage ? "moorage" : "ssh") << " says:\n" << ended.error_output);
  REQUIRE(ended.signal == 0); // that it hangs need not be seen in each further trial
  if (ended.code != 0)
    settle();
  account result{end_of(ended, moorage ? ends_of_moorage : ends_of_ssh), {}, 0, ended.error_output};
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

void agreement::certify_far() {
  auto& far = *servers_.back().sshd;
  const auto key = far.folder() + "/host_ed25519";
  REQUIRE(support::run_to_end(
              {{"ssh-keygen", "-q", "-s", folder_ / "authority", "-I", "far", "-h", key + ".pub"}}) == 0);
  auto config = far.settings().config;
  config.push_back("HostCertificate " + key + "-cert.pub");
  far.reconfigure(config);
}

void agreement::compare_one(const trial& of) {
  INFO(written(of.config));
  std::string words;
  for (const auto& each : of.words)
    words += " " + written(each);
  INFO("words:" << words);
  auto ssh = account_of(of, false);
  // Each key that ssh says it shows is one that a server was shown: nothing is overlooked here.
  auto offered = 0;
  for (const auto& each : lines_of(ssh.words))
    offered += has(each, "Offering public key: ");
  auto ours = account_of(of, true);
  std::string account;
  for (const auto& each : ssh.told)
    account += each + "\n";
  INFO("ssh's account:\n" << account);
  INFO("ssh says:\n" << without_debug(ssh.words));
  INFO("moorage says:\n" << ours.words);
  CHECK(ssh.queries == offered);
  CHECK(ssh.ends == of.ends);
  lines meant;
  for (const auto& each : of.differing)
    meant.push_back(written(each));
  CHECK(ours.ends == (of.ends_here.empty() ? of.ends : of.ends_here));
  CHECK(of.because.empty() == (of.differing.empty() && of.ends_here.empty()));
  CHECK(difference(ssh.told, ours.told) == meant);
  if (of.ends == "bad") // of a file's lines one is told ssh's own complaint
    for (const auto& each : lines_of(without_debug(ssh.words)))
      if (has(each, " line ") && !each.starts_with("command-line"))
        CHECK_THAT(ours.words, Catch::Contains(each));
}

void agreement::compare(const std::vector<trial>& all) {
  const auto usual = usual_key();
  for (const auto& each : all)
    if (usual.empty() || names_a_key(each))
      compare_one(each);
    else
      WARN("skipped, since there is " << usual << ": " << each.config);
}

} // namespace moorage::cli_tests
