#include "tests/cli/soak_world.hpp"

#include <catch2/catch.hpp>

#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "runtime/system/descriptors.hpp"

namespace moorage::soak {

void journal::note(const std::string& text) {
  std::lock_guard guard{mutex_};
  std::ostringstream line;
  line << std::chrono::duration<double>(steady::now() - began_).count() << " s: " << text;
  if (loud_)
    std::cerr << line.str() << std::endl;
  lines_.push_back(line.str());
  if (lines_.size() > kept_max)
    lines_.pop_front();
}

void journal::wrong(const std::string& text) {
  note("WRONG: " + text);
  std::lock_guard guard{mutex_};
  wrongs_.push_back(text);
}

void journal::count(const std::string& kind) {
  std::lock_guard guard{mutex_};
  ++counts_[kind];
}

std::uint64_t journal::counted(const std::string& kind) const {
  std::lock_guard guard{mutex_};
  auto found = counts_.find(kind);
  return found == counts_.end() ? 0 : found->second;
}

std::string journal::counts() const {
  std::lock_guard guard{mutex_};
  std::string result;
  for (const auto& [kind, times] : counts_)
    result += (result.empty() ? "" : ", ") + kind + " " + std::to_string(times);
  return result;
}

std::string journal::latest() const {
  std::lock_guard guard{mutex_};
  std::string result;
  for (const auto& each : lines_)
    result += each + "\n";
  return result;
}

std::vector<std::string> journal::wrongs() const {
  std::lock_guard guard{mutex_};
  return wrongs_;
}

process_holdings process_holdings::of(pid_t process) {
  auto folder = std::filesystem::path{"/proc"} / std::to_string(process);
  auto entries = [&folder](const char* of) {
    auto all = std::filesystem::directory_iterator{folder / of};
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  };
  process_holdings result{entries("fd"), entries("task"), 0};
  std::ifstream status{folder / "status"};
  for (std::string word; status >> word;)
    if (word == "RssAnon:")
      status >> result.memory;
  return result;
}

namespace {

/// This process's own end of a link to the node.
bool leads_to(int descriptor, const std::string& socket, const std::string& address) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) != 0)
    return false;
  if (peer.ss_family == AF_UNIX)
    return socket == reinterpret_cast<sockaddr_un*>(&peer)->sun_path;
  return peer.ss_family == AF_INET &&
         address.ends_with(":" + std::to_string(ntohs(reinterpret_cast<sockaddr_in*>(&peer)->sin_port)));
}

} // namespace

world::world() {
  configure();
  // One heap in place of one a thread, and what is large on pages of its own: what was freed is then given
  // back, and what the node has in memory is what it uses.
  node_.emplace(cli_tests::program_spec{{"serve"},
                                        home(),
                                        {},
                                        {{"MOORAGE_CONFIG", config()},
                                         {"MALLOC_ARENA_MAX", "1"},
                                         {"MALLOC_MMAP_THRESHOLD_", "16384"},
                                         {"MALLOC_TRIM_THRESHOLD_", "65536"}}});
  REQUIRE(node_->wrote("over TLS on "));
  REQUIRE(node_->wrote("\n"));
  address_ = node_->error_output();
  address_ = address_.substr(address_.rfind(" on ") + 4);
  address_.erase(address_.find('\n'));
  configure(); // the same place from now on
  link();
}

void world::link() {
  for (auto* each : {&admin_, &resident_}) {
    each->reset();
    *each = std::make_unique<runtime>(runtime::connect(socket(), 60s));
  }
}

std::string world::table_of(const std::string& cluster) const {
  return cli_tests::cluster_table(cluster, cluster == "alpha" ? alpha_ : beta_) +
         "keep_alive_interval = \"1s\"\nprobe_interval = \"2s\"\nprobe_interval_unhealthy = \"1s\"\n"
         "probe_timeout = \"2s\"\nreply_timeout = \"10s\"\npool_size = " +
         std::to_string(3 + sizes_ % 3) + "\nidle_timeout = \"" + std::to_string(5 + sizes_ % 2 * 55) +
         "s\"\n";
}

void world::configure() const {
  std::ofstream out{config()};
  for (const auto& each : clusters_)
    out << table_of(each);
  out << "[node]\nsocket = \"" << socket() << "\"\nlisten = \"" << address_ << "\"\ncertificate = \""
      << node_files_.certificate << "\"\nkey = \"" << node_files_.key << "\"\nauthority = \""
      << node_files_.authority << "\"\n[[access]]\ncertificate = \"uri:moorage:worker\"\nclusters = [\"*\"]\n"
      << "allow = [\"use\"" << (wide_ ? ", \"observe\"" : "") << "]\n";
}

void world::listen() {
  static_cast<void>(node_->wrote("never written", 1ms));
  for (const auto* each : {"ensure", "AddressSanitizer", "terminate called"})
    if (node_->error_output().find(each) != std::string::npos)
      book_.wrong("the node wrote: " + node_->error_output());
  if (node_->ends_unread(0ms)) {
    auto ended = node_->wait();
    FAIL("the node has ended, by code " << ended.code << " or signal " << ended.signal << ": "
                                        << ended.error_output << book_.latest());
  }
}

// --- faults

void world::kill_connections(const std::string& cluster) {
  if (!broken_.contains(cluster))
    sshd_of(cluster).kill_connections();
}

void world::freeze(const std::string& cluster) {
  if (broken_.insert(cluster).second)
    sshd_of(cluster).freeze();
}

void world::stop(const std::string& cluster) {
  if (broken_.insert(cluster).second)
    sshd_of(cluster).stop();
}

void world::mend(const std::string& cluster) {
  broken_.erase(cluster);
  sshd_of(cluster).start(); // where it runs this does nothing
  sshd_of(cluster).thaw();
}

void world::cut_a_link(std::uint32_t which) {
  std::vector<unique_fd> links;
  for (const auto& each : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    auto name = each.path().filename().string();
    int number = -1;
    std::from_chars(name.data(), name.data() + name.size(), number);
    // A second descriptor, which cannot become another's meanwhile.
    unique_fd second{::fcntl(number, F_DUPFD_CLOEXEC, 0)};
    if (second && leads_to(second.get(), socket(), address_))
      links.push_back(std::move(second));
  }
  if (!links.empty())
    ::shutdown(links[which % links.size()].get(), SHUT_RDWR);
}

void world::reload_other_sizes() {
  ++sizes_;
  configure();
  node_->signal(SIGHUP);
}

void world::reload_other_rights() {
  wide_ = !wide_;
  configure();
  node_->signal(SIGHUP);
}

// --- the end of all work

void world::expect(const std::string& what, const std::function<bool()>& holds,
                   const std::function<std::string()>& state) {
  for (auto began = steady::now(), told = began; !holds(); ::poll(nullptr, 0, 20)) {
    if (!book_.wrongs().empty())
      return; // one is enough
    listen();
    if (steady::now() > began + 2min)
      return book_.wrong(what + ": " + state());
    if (steady::now() > told + 2s) {
      book_.note("still " + what + ": " + state());
      told = steady::now();
    }
  }
}

void world::settle(const std::string& cluster) {
  auto& sshd = sshd_of(cluster);
  pool_status now;
  // An answer that its link's end took away is asked for again.
  auto look = [&] {
    auto answer = admin_->pool(cluster);
    if (answer)
      now = *answer;
    return static_cast<bool>(answer);
  };
  auto told = [&] {
    return cluster + " has " + std::to_string(now.leases) + " leases, " + std::to_string(now.waiters) +
           " waiters, " + std::to_string(now.total) + " connections (" + std::to_string(now.opening) +
           " opening, " + std::to_string(now.idle) + " idle, " + std::to_string(now.leased) + " leased, " +
           std::to_string(now.closing) + " closing); its sshd " + std::to_string(sshd.connections()) +
           " connections and " + std::to_string(sshd.processes().members().size()) + " processes";
  };
  expect(
      "the node does not answer", [&] { return static_cast<bool>(admin_->resume(cluster, true)); }, told);
  expect(
      "a lease or a waiter is left", [&] { return look() && now.leases + now.waiters == 0; }, told);
  expect(
      "connections do not add up",
      [&] {
        return look() && now.total == now.opening + now.idle + now.leased + now.closing &&
               now.opening + now.closing == 0 && sshd.connections() == static_cast<int>(now.total);
      },
      told);
  expect(
      "the pool does not let its connections go",
      [&] { return static_cast<bool>(admin_->disconnect(cluster)); }, told);
  expect(
      "a connection, or the process of a channel, is left",
      [&] { return look() && now.total == 0 && sshd.processes().members().size() == 1; }, told);
}

void world::settle(const process_holdings& most) {
  for (const auto& each : clusters_)
    settle(each);
  link(); // a link keeps the buffers that it once needed, of some MiB
  expect(
      "something of clients that have gone is left", [&] { return holdings().within(most); },
      [&] {
        std::ostringstream text;
        text << holdings() << "; before: " << most;
        return text.str();
      });
}

} // namespace moorage::soak
