// The servers, keys and files of a comparison with ssh.
#include "tests/cli/agreement.hpp"

#include <array>
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

namespace moorage::cli_tests {

using namespace std::chrono_literals;

namespace {

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

} // namespace

lines lines_of(const std::string& text) {
  lines result;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);)
    result.push_back(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
  return result;
}

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
  if (text.find("<digest>") != std::string::npos)
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

void agreement::certify_far() {
  auto& far = *servers_.back().sshd;
  const auto key = far.folder() + "/host_ed25519";
  REQUIRE(support::run_to_end(
              {{"ssh-keygen", "-q", "-s", folder_ / "authority", "-I", "far", "-h", key + ".pub"}}) == 0);
  auto config = far.settings().config;
  config.push_back("HostCertificate " + key + "-cert.pub");
  far.reconfigure(config);
}

} // namespace moorage::cli_tests
