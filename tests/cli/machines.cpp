#include "tests/cli/machines.hpp"

#include <csignal>
#include <fstream>

#include <nlohmann/json.hpp>

#include "tests/cli/clusters.hpp"

namespace moorage::cli_tests {

namespace {

std::string lines_of_files(const node_files& files) {
  return "certificate = \"" + files.certificate + "\"\nkey = \"" + files.key + "\"\nauthority = \"" +
         files.authority + "\"\n" + (files.revoked.empty() ? "" : "revoked = \"" + files.revoked + "\"\n");
}

} // namespace

void node_machine::begin() {
  auto there = at->visit();
  process.emplace(spec({"serve"}));
  REQUIRE(process->wrote("over TLS on ", std::chrono::seconds{60}));
}

void node_machine::kill() {
  process->signal(SIGKILL);
  process->wait();
}

std::size_t node_machine::leases(const std::string& cluster) const {
  auto told = cli_tests::run(spec({"admin", "leases", cluster, "--json"}));
  INFO(told.error_output);
  REQUIRE(told.code == 0);
  return nlohmann::json::parse(told.output)["leases"].size();
}

site::site(site_plan plan) : plan_(std::move(plan)) {
  if (!network) {
    WARN("nothing is tested: " + network.why_not());
    return;
  }
  if (!add_client(portal, plan_.far_away)) {
    WARN("nothing is tested: " + network.why_not_delayed());
    return;
  }
  add_client(jobs, {});
  for (const auto& name : plan_.clusters)
    add_cluster(name);
  for (int i = 0; i < plan_.nodes; ++i)
    add_node();
  there_ = true;
}

void site::add_cluster(const std::string& name) {
  cluster_machine made{name, network.add(), nullptr};
  auto there = made.at->visit();
  support::real_sshd_settings settings;
  settings.address = made.at->address();
  settings.ordinary_user = plan_.ordinary_user;
  made.sshd = std::make_unique<support::real_sshd>(std::move(settings));
  clusters.push_back(std::move(made));
}

void site::add_node() {
  auto& made = nodes.emplace_back();
  made.at = network.add();
  made.files = authority.node(made.at->address());
  std::ofstream config{made.home / "moorage.toml"};
  for (const auto& each : clusters)
    config << cluster_table(each.name, *each.sshd) << plan_.settings;
  config << "[node]\nlisten = \"" << made.address() << "\"\n" << lines_of_files(made.files);
  for (const auto* each : {&jobs, &portal})
    config << "[[access]]\ncertificate = \"uri:moorage:" << each->name
           << "\"\nclusters = [\"*\"]\nallow = [\"use\", \"observe\"]\n";
  config.close();
  made.begin();
}

bool site::add_client(client_machine& who, std::chrono::milliseconds delay) {
  who.at = delay.count() > 0 ? network.add(delay) : network.add();
  if (!who.at)
    return false;
  who.files = authority.client(who.name);
  who.files.revoked.clear(); // of clients, which is the node's to know
  return true;
}

program_spec site::spec(const client_machine& who, const node_machine& through,
                        std::vector<std::string> words, std::string input) const {
  auto config = who.home / (through.at->address() + ".toml");
  std::ofstream{config} << "[client]\nnode = \"" << through.address() << "\"\n" << lines_of_files(who.files);
  return {std::move(words), who.home.path(), std::move(input), {{"MOORAGE_CONFIG", config}}};
}

finished site::run(const client_machine& who, const node_machine& through,
                   std::vector<std::string> words) const {
  auto there = who.at->visit();
  return cli_tests::run(spec(who, through, std::move(words)), std::chrono::seconds{60});
}

program site::start(const client_machine& who, const program_spec& what) const {
  auto there = who.at->visit();
  return program{what};
}

runtime site::connect(const client_machine& who, const node_machine& through) const {
  auto there = who.at->visit();
  return runtime::connect(node_address{through.address(), who.files}, std::chrono::seconds{10});
}

} // namespace moorage::cli_tests
