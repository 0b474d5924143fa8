#include "tests/support/real_sshd.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <shadow.h>
#include <sstream>
#include <stdexcept>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace moorage::support {
namespace {

using clock = std::chrono::steady_clock;

constexpr auto start_patience = std::chrono::seconds(20); // a loaded machine, a sanitizer

int count_of(const std::string& text, const std::string& wanted) {
  int count = 0;
  for (auto at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + wanted.size()))
    ++count;
  return count;
}

/// Wakes when the file is written to.
class file_watch {
public:
  explicit file_watch(const std::string& path) : fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    if (fd_ < 0 || inotify_add_watch(fd_, path.c_str(), IN_MODIFY) < 0)
      throw std::runtime_error("cannot watch " + path + ": " + std::strerror(errno));
  }
  ~file_watch() { close(fd_); }
  file_watch(const file_watch&) = delete;
  file_watch& operator=(const file_watch&) = delete;

  /// False once the deadline has passed.
  bool wait(clock::time_point deadline) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
    if (left <= 0)
      return false;
    pollfd p{fd_, POLLIN, 0};
    poll(&p, 1, static_cast<int>(left));
    char events[4096];
    while (read(fd_, events, sizeof events) > 0) {
    }
    return true;
  }

private:
  int fd_;
};

/// Binds to the port, or to any when it is 0, and lets go again; 0 when it is taken.
std::uint16_t try_port(bool v6, std::uint16_t port) {
  int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return 0;
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_storage where{};
  socklen_t length;
  if (v6) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    auto& a = reinterpret_cast<sockaddr_in6&>(where);
    a.sin6_family = AF_INET6;
    a.sin6_addr = in6addr_loopback;
    a.sin6_port = htons(port);
    length = sizeof a;
  } else {
    auto& a = reinterpret_cast<sockaddr_in&>(where);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons(port);
    length = sizeof a;
  }
  std::uint16_t got = 0;
  if (bind(fd, reinterpret_cast<sockaddr*>(&where), length) == 0 &&
      getsockname(fd, reinterpret_cast<sockaddr*>(&where), &length) == 0)
    got = ntohs(v6 ? reinterpret_cast<sockaddr_in6&>(where).sin6_port
                   : reinterpret_cast<sockaddr_in&>(where).sin_port);
  close(fd);
  return got;
}

std::uint16_t free_port(bool ipv4, bool ipv6) {
  for (int tries = 0; tries < 50; ++tries) {
    auto port = try_port(!ipv4, 0);
    if (port && (!ipv4 || !ipv6 || try_port(true, port)))
      return port;
  }
  throw std::runtime_error("no free port on loopback");
}

void make_key(const std::string& file, const std::string& type, const std::string& passphrase) {
  std::filesystem::remove(file);
  std::filesystem::remove(file + ".pub");
  process_spec spec;
  // One round of the key derivation: the passphrase protects nothing here.
  spec.argv = {"ssh-keygen", "-q", "-t", type, "-N", passphrase, "-a", "1", "-C", "moorage-test", "-f", file};
  if (type == "rsa")
    spec.argv.insert(spec.argv.end(), {"-b", "2048"});
  if (run_to_end(spec) != 0)
    throw std::runtime_error("ssh-keygen cannot make " + file);
}

std::string key_of(const std::string& public_file) {
  std::istringstream line(contents_of(public_file));
  std::string type, key;
  line >> type >> key;
  return type + " " + key;
}

} // namespace

real_sshd::real_sshd(real_sshd_settings settings) : settings_(std::move(settings)) {
  const passwd* self = getpwuid(geteuid());
  if (!self)
    throw std::runtime_error("the current user has no name");
  user_ = self->pw_name;
  if (geteuid() == 0)
    mkdir("/run/sshd", 0755); // as root sshd insists on its empty folder
  make_key(client_key(), "ed25519", "");
  std::filesystem::copy_file(client_key() + ".pub", folder_ / "authorized_keys");
  if (settings_.ordinary_user && geteuid() == 0) {
    chmod(folder_.path().c_str(), 0755); // its home, and sshd reads authorized_keys in its name
    user_ = account_.emplace(folder_.path()).name();
  }
  make_host_keys();
  for (int tries = 0; tries < 10; ++tries) {
    port_ = settings_.port != 0 ? settings_.port : free_port(settings_.ipv4, settings_.ipv6);
    write_config();
    if (launch(start_patience)) {
      write_known_hosts();
      return;
    }
  }
  throw std::runtime_error("sshd does not start:\n" + log());
}

real_sshd::~real_sshd() = default;

std::string real_sshd::host() const {
  if (!settings_.ipv4)
    return "::1";
  return settings_.address.empty() ? "127.0.0.1" : settings_.address;
}

void real_sshd::make_host_keys() {
  for (const auto& type : settings_.host_key_types)
    make_key(folder_ / ("host_" + type), type, "");
}

namespace {

/// Without PAM sshd turns root away, keys and all, where root has no password, as on machines that are run by
/// sudo.
bool is_locked_root() {
  if (geteuid() != 0)
    return false;
  const auto* entry = getspnam("root");
  return entry != nullptr && entry->sp_pwdp != nullptr && entry->sp_pwdp[0] == '!';
}

} // namespace

void real_sshd::write_config() const {
  std::ofstream out(folder_ / "sshd_config", std::ios::trunc);
  for (const auto& line : settings_.config) // sshd takes the first value it finds
    out << line << "\n";
  out << "Port " << port_ << "\n";
  if (settings_.ipv4)
    out << "ListenAddress " << (settings_.address.empty() ? "127.0.0.1" : settings_.address) << "\n";
  if (settings_.ipv6)
    out << "ListenAddress ::1\n";
  for (const auto& type : settings_.host_key_types)
    out << "HostKey " << (folder_ / ("host_" + type)) << "\n";
  out << "AuthorizedKeysFile " << (folder_ / "authorized_keys")
      << "\n"
      // The sessions' home is the scratch folder: the user's own shell start-up files must neither run nor
      // cost time.
      << "SetEnv HOME=" << folder_.path() << "\n"
      << "PidFile none\nUsePAM " << (is_locked_root() ? "yes" : "no")
      << "\nStrictModes no\nPermitRootLogin yes\nUseDNS no\nPrintMotd no\n"
      << "PasswordAuthentication no\nKbdInteractiveAuthentication no\nLogLevel VERBOSE\n"
      << "Subsystem sftp internal-sftp\n"
      << "MaxSessions " << settings_.max_sessions << "\nMaxStartups " << settings_.max_startups << "\n";
}

bool real_sshd::launch(std::chrono::milliseconds patience) {
  auto deadline = clock::now() + patience;
  const auto log_file = folder_ / "log";
  std::ofstream(log_file, std::ios::app).close();
  const auto old = log_count("Server listening on");
  const auto old_failures = log_count("Cannot bind") + log_count("Bind to port");
  const int wanted = settings_.ipv4 + settings_.ipv6;
  file_watch watch(log_file);
  process_spec spec;
  spec.argv = {"/usr/sbin/sshd", "-D", "-e", "-f", folder_ / "sshd_config"};
  spec.output = log_file;
  process_.emplace(spec);
  do {
    if (log_count("Cannot bind") + log_count("Bind to port") > old_failures)
      break;
    if (log_count("Server listening on") - old == wanted)
      return true;
    if (!process_->running() && log_count("Server listening on") - old != wanted)
      break;
  } while (watch.wait(std::min(deadline, clock::now() + std::chrono::milliseconds(250))) ||
           clock::now() < deadline);
  process_.reset();
  return false;
}

void real_sshd::freeze_connections() {
  for (auto pid : process_->members())
    if (pid != process_->main_pid())
      kill(pid, SIGSTOP);
}

void real_sshd::stop() {
  process_.reset();
}

void real_sshd::start() {
  if (!process_ && !launch(start_patience))
    throw std::runtime_error("sshd does not start again:\n" + log());
}

void real_sshd::restart() {
  stop();
  start();
}

void real_sshd::change_host_keys() {
  stop();
  make_host_keys();
  start();
}

void real_sshd::change_host_keys_by_signal() {
  const auto listening = log_count("Server listening on");
  make_host_keys();
  kill(process_->main_pid(), SIGHUP);
  if (!wait_for_log("Server listening on", listening + settings_.ipv4 + settings_.ipv6, start_patience))
    throw std::runtime_error("sshd does not listen again:\n" + log());
}

void real_sshd::reconfigure(std::vector<std::string> config) {
  stop();
  settings_.config = std::move(config);
  write_config();
  start();
}

std::string real_sshd::add_client_key(const std::string& name, const std::string& type,
                                      const std::string& key_passphrase) {
  auto file = folder_ / name;
  make_key(file, type, key_passphrase);
  std::ofstream(folder_ / "authorized_keys", std::ios::app) << contents_of(file + ".pub");
  return file;
}

std::string real_sshd::locked_client_key() {
  auto file = folder_ / "client_locked";
  return std::filesystem::exists(file) ? file : add_client_key("client_locked", "ed25519", passphrase);
}

std::string real_sshd::unauthorised_client_key() {
  auto file = folder_ / ("stranger_" + std::to_string(++keys_made_));
  make_key(file, "ed25519", "");
  return file;
}

std::string real_sshd::host_key(const std::string& type) const {
  return key_of(folder_ / ("host_" + type + ".pub"));
}

std::string real_sshd::host_key_fingerprint(const std::string& type) const {
  process_spec spec;
  spec.argv = {"ssh-keygen", "-l", "-f", folder_ / ("host_" + type + ".pub")};
  spec.output = folder_ / "fingerprint";
  std::filesystem::remove(spec.output);
  if (run_to_end(spec) != 0)
    throw std::runtime_error("no such host key: " + type);
  std::istringstream line(contents_of(spec.output));
  std::string bits, fingerprint;
  line >> bits >> fingerprint;
  return fingerprint;
}

void real_sshd::write_known_hosts() const {
  std::ofstream out(known_hosts(), std::ios::trunc);
  std::vector<std::string> names{"127.0.0.1", "::1", "localhost"};
  if (!settings_.address.empty())
    names.push_back(settings_.address);
  for (const auto& name : names)
    for (const auto& type : settings_.host_key_types)
      out << "[" << name << "]:" << port_ << " " << host_key(type) << "\n";
}

void real_sshd::write_known_hosts_of(const std::string& address) const {
  std::ofstream out(known_hosts(), std::ios::trunc);
  for (const auto& type : settings_.host_key_types)
    out << "[" << address << "]:" << port_ << " " << host_key(type) << "\n";
}

std::vector<std::string> real_sshd::ssh_command(const std::vector<std::string>& options) const {
  std::vector<std::string> argv = {"ssh", "-F", "none", "-i", client_key(), "-p", std::to_string(port_)};
  for (const char* option : {"BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none",
                             "StrictHostKeyChecking=yes", "GlobalKnownHostsFile=/dev/null", "LogLevel=ERROR"})
    argv.insert(argv.end(), {"-o", option});
  argv.insert(argv.end(), {"-o", "UserKnownHostsFile=" + known_hosts()});
  argv.insert(argv.end(), options.begin(), options.end());
  argv.push_back(user_ + "@" + host());
  return argv;
}

int real_sshd::connections() const {
  return process_ ? static_cast<int>(process_->children().size()) : 0;
}

int real_sshd::logins() const {
  // "Accepted key …" only says which line of authorized_keys matched; "Accepted publickey for …" follows it.
  return log_count("Accepted ") - log_count("Accepted key ");
}

int real_sshd::connects() const {
  return log_count("Connection from ");
}

std::string real_sshd::log() const {
  return contents_of(folder_ / "log");
}

int real_sshd::log_count(const std::string& text) const {
  return count_of(log(), text);
}

bool real_sshd::wait_for_log(const std::string& text, int count, std::chrono::milliseconds patience) const {
  auto deadline = clock::now() + patience;
  file_watch watch(folder_ / "log");
  do {
    if (log_count(text) >= count)
      return true;
  } while (watch.wait(deadline));
  return false;
}

bool real_sshd::wait_for_connections(int count, std::chrono::milliseconds patience) const {
  for (auto deadline = clock::now() + patience;;
       poll(nullptr, 0, 2)) { // the end of a stranger's child wakes nobody
    if (connections() == count)
      return true;
    if (clock::now() >= deadline)
      return false;
  }
}

} // namespace moorage::support
