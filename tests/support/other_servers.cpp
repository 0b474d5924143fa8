#include "tests/support/other_servers.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <pwd.h>
#include <sstream>
#include <stdexcept>

#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/ordinary_user.hpp"

namespace moorage::support {

namespace {

void make_client_key(const std::string& file) {
  if (run_to_end({{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "moorage-test", "-f", file}}) != 0)
    throw std::runtime_error("ssh-keygen cannot make " + file);
}

/// Waits for the server to say that; throws when it ends or takes too long.
std::string wait_for_word(const process_tree& server, const std::string& log, const std::string& word) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(40); // erl begins slowly under load
  for (;; poll(nullptr, 0, 20)) {
    auto running = server.running();
    auto said = contents_of(log);
    if (auto at = said.find(word); at != std::string::npos && said.find('\n', at) != std::string::npos)
      return said.substr(at + word.size());
    if (!running || std::chrono::steady_clock::now() >= deadline)
      throw std::runtime_error("the server does not start:\n" + said);
  }
}

void write_known_hosts(const other_server& of, const std::string& public_key) {
  std::istringstream words{public_key};
  std::string type, key;
  words >> type >> key;
  std::ofstream{of.known_hosts} << "[127.0.0.1]:" << of.port << " " << type << " " << key << "\n";
}

bool is_root() {
  return geteuid() == 0;
}

} // namespace

bool dropbear_server::may_be() {
  return is_root() || !home_made_for_tests().empty();
}

dropbear_server::dropbear_server() {
  if (!may_be())
    throw std::runtime_error("dropbear would let in by keys of our own home");
  const auto host_key = folder_ / "host_key", log = folder_ / "log";
  const auto home = is_root() ? folder_.path() : home_made_for_tests();
  if (is_root()) {
    chmod(home.c_str(), 0755);
    account_.emplace(home);
  }
  place_ = {account_ ? account_->name() : getpwuid(geteuid())->pw_name, folder_ / "client_key",
            folder_ / "known_hosts", 0};
  make_client_key(place_.client_key);
  mkdir((home + "/.ssh").c_str(), 0755);
  std::filesystem::copy_file(place_.client_key + ".pub", home + "/.ssh/authorized_keys",
                             std::filesystem::copy_options::overwrite_existing);
  process_spec making{{"dropbearkey", "-t", "ed25519", "-f", host_key}};
  making.output = folder_ / "host_key.text";
  if (run_to_end(making) != 0)
    throw std::runtime_error("dropbearkey cannot make " + host_key);
  const auto& address = reserved_.address();
  place_.port = static_cast<std::uint16_t>(std::stoul(address.substr(address.find(':') + 1)));
  const auto text = contents_of(making.output);
  write_known_hosts(place_, text.substr(text.find("ssh-ed25519")));
  process_spec spec{
      {"/usr/sbin/dropbear", "-F", "-E", "-s", "-p", address, "-r", host_key, "-P", folder_ / "pid"}};
  spec.output = log;
  process_.emplace(spec);
  wait_for_word(*process_, log, "Not backgrounding"); // which it says once it listens
}

erlang_server::erlang_server() {
  const auto log = folder_ / "log", script = folder_ / "server.escript";
  place_ = {"somebody", folder_ / "client_key", folder_ / "known_hosts", 0};
  make_client_key(place_.client_key);
  make_client_key(folder_ / "ssh_host_ed25519_key");
  std::filesystem::copy_file(place_.client_key + ".pub", folder_ / "authorized_keys");
  const auto folder = "\"" + folder_.path() + "\"";
  std::ofstream{script} << "#!/usr/bin/env escript\n"
                        << "main(_) ->\n"
                        << "  {ok, _} = application:ensure_all_started(ssh),\n"
                        << "  {ok, Daemon} = ssh:daemon({127,0,0,1}, 0, [{system_dir, " << folder << "},\n"
                        << "    {user_dir, " << folder << "}, {auth_methods, \"publickey\"},\n"
                        << "    {tcpip_tunnel_in, true}, {exec, {direct, fun(Command, _, _) ->\n"
                        << "      {ok, os:cmd(Command)} end}}]),\n"
                        << "  {ok, Info} = ssh:daemon_info(Daemon),\n"
                        << "  io:format(\"listens on ~p~n\", [proplists:get_value(port, Info)]),\n"
                        << "  receive stop -> ok end.\n";
  process_spec spec{{"escript", script}};
  spec.output = log;
  process_.emplace(spec);
  place_.port = static_cast<std::uint16_t>(std::stoul(wait_for_word(*process_, log, "listens on ")));
  write_known_hosts(place_, contents_of(folder_ / "ssh_host_ed25519_key.pub"));
}

} // namespace moorage::support
