#include "tests/runtime/scenario.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>
#include <fmt/core.h>

#include "messages/durations.hpp"

namespace moorage::test {

namespace {

/// Log-ins a minute, unless somebody says otherwise.
const auto budget = cluster_settings{}.log_ins_per_minute;

std::string code_of(const outcome& ended) {
  if (ended.cause.code == errc::none)
    return to_string(ended);
  return to_string(ended.kind) + ", " + to_string(ended.cause.code);
}

/// Within a cell of a table.
std::string in_a_cell(std::string text) {
  std::replace(text.begin(), text.end(), '|', '/');
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

} // namespace

scenario::scenario(std::string name, support::real_sshd_settings server) : name_(std::move(name)) {
  if (!network_)
    WARN("in the network of all, so that nobody bans: " + network_.why_not());
  sshd_.emplace(std::move(server));
  settings_ = settings_for(*sshd_, "site");
  const cluster_settings usual;
  settings_.log_ins_per_minute = usual.log_ins_per_minute;
  settings_.penalty_max = usual.penalty_max;
  settings_.channels_per_connection = usual.channels_per_connection;
  settings_.pool_size = 4;
}

scenario::~scenario() {
  std::filesystem::path folder{MOORAGE_BUILD_DIR "/tests/scenarios"};
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  if (rt_)
    std::ofstream{folder / (name_ + ".md"), std::ios::trunc} << row();
}

void scenario::begin() {
  if (network_ && !network_.ban(settings_.port, budget, settings_.pool_size + 2))
    FAIL("nft takes no rule for a ban");
  began_ = clock::now();
  rt_ = std::make_unique<runtime>(quiet_configuration());
  watching_ = rt_->subscribe({}, [this](const event_record& event) { note(event); }).value();
  rt_->register_cluster(settings_).value();
}

void scenario::ask(int users, acquire_options options, const exec_request& command) {
  std::size_t first;
  {
    std::lock_guard guard{mutex_};
    first = answers_.size();
    answers_.resize(first + static_cast<std::size_t>(users));
  }
  for (auto user = first; user < first + static_cast<std::size_t>(users); ++user) {
    auto asked = clock::now();
    rt_->async().acquire("site", options).then([this, user, asked, command](result<lease> got) {
      if (!got)
        return note(user, to_string(got.error().code), asked, got.error().text);
      if (command.command.empty())
        return note(user, "granted", asked, {});
      got->async().run(command).then([this, user, asked](exec_result ran) {
        note(user, code_of(ran.ended), asked, ran.ended.cause.text);
      });
    });
  }
}

bool scenario::all_but(std::size_t waiting, std::chrono::seconds within) {
  std::unique_lock lock{mutex_};
  auto all = changed_.wait_for(lock, within, [&] { return answered_ + waiting == answers_.size(); });
  return all && std::all_of(answers_.begin(), answers_.end(), [](int times) { return times <= 1; });
}

void scenario::note(std::size_t user, const std::string& what, clock::time_point asked,
                    const std::string& text) {
  std::lock_guard guard{mutex_};
  ++answers_.at(user);
  ++answered_;
  auto found = std::find_if(seen_.begin(), seen_.end(), [&](const auto& each) { return each.first == what; });
  if (found == seen_.end())
    found = seen_.insert(seen_.end(), {what, {0, {}, text}});
  ++found->second.users;
  found->second.longest = std::max<std::chrono::nanoseconds>(found->second.longest, clock::now() - asked);
  changed_.notify_all();
}

int scenario::saw(const std::string& what) {
  std::lock_guard guard{mutex_};
  for (const auto& each : seen_)
    if (each.first == what)
      return each.second.users;
  return 0;
}

std::string scenario::told(const std::string& what) {
  std::lock_guard guard{mutex_};
  for (const auto& each : seen_)
    if (each.first == what)
      return each.second.text;
  return {};
}

bool scenario::saw_only(std::vector<std::string> these) {
  std::lock_guard guard{mutex_};
  return std::all_of(seen_.begin(), seen_.end(), [&](const auto& each) {
    return std::find(these.begin(), these.end(), each.first) != these.end();
  });
}

void scenario::note(const event_record& event) {
  std::lock_guard guard{mutex_};
  missed_ += event.missed;
  auto* found = find(event.what);
  if (found == nullptr)
    found = &happened_.emplace_back(happening{event.what, 0, event.text});
  ++found->count;
  changed_.notify_all();
}

scenario::happening* scenario::find(event_kind what) {
  auto found = std::find_if(happened_.begin(), happened_.end(),
                            [what](const happening& each) { return each.what == what; });
  return found == happened_.end() ? nullptr : &*found;
}

bool scenario::wait_for(event_kind what, int count, std::chrono::seconds within) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, within, [&] {
    auto* found = find(what);
    return found != nullptr && found->count >= count;
  });
}

int scenario::events(event_kind what) {
  std::lock_guard guard{mutex_};
  auto* found = find(what);
  return found == nullptr ? 0 : found->count;
}

std::string scenario::text_of(event_kind what) {
  std::lock_guard guard{mutex_};
  auto* found = find(what);
  return found == nullptr ? std::string{} : found->text;
}

pool_status scenario::look(const std::string& when) {
  auto now = rt_->pool("site").value();
  auto line = fmt::format("{}: {} of {} connections, {} of them opening; {} leases, {} wait", when, now.total,
                          now.size, now.opening, now.leases, now.waiters);
  for (const auto* what : {&now.latched, &now.backing_off})
    if (what->code != errc::none)
      line += "; " + to_string(what->code) + ": " + what->text;
  if (!now.log_ins_wait.empty())
    line += "; a log-in waits: " + now.log_ins_wait;
  looks_.push_back(std::move(line));
  return now;
}

int scenario::log_ins() {
  return network_ ? network_.asked() : sshd_->log_count("Connection from 127.0.0.1 ");
}

int scenario::allowed() const {
  auto period = std::chrono::nanoseconds{1min} / budget;
  return static_cast<int>(settings_.pool_size) + static_cast<int>((clock::now() - began_) / period);
}

std::string scenario::row() {
  std::string users, admins, texts;
  auto knocks = log_ins(), may = allowed();
  auto ban = network_ ? std::to_string(network_.dropped()) : "no firewall";
  std::lock_guard guard{mutex_};
  for (const auto& [what, sight] : seen_) {
    users += fmt::format("{}{} × {} (at most {})", users.empty() ? "" : ", ", sight.users, what,
                         to_text(sight.longest));
    if (!sight.text.empty())
      texts += "- A user, " + what + ": " + in_a_cell(sight.text) + "\n";
  }
  for (const auto& each : happened_) {
    admins += fmt::format("{}{}{}", admins.empty() ? "" : ", ", to_string(each.what),
                          each.count > 1 ? fmt::format(" × {}", each.count) : std::string{});
    if (event_rows.at(static_cast<std::size_t>(each.what)).matters >= severity::info && !each.text.empty())
      texts += "- An admin, " + to_string(each.what) + ": " + in_a_cell(each.text) + "\n";
  }
  if (missed_ > 0)
    admins += fmt::format(", and {} that were missed", missed_);
  for (const auto& look : looks_)
    texts += "- The status, " + in_a_cell(look) + "\n";
  return fmt::format(
      "| scenario | users saw | admins saw | log-ins (allowed) | packets dropped by the ban |\n"
      "| --- | --- | --- | --- | --- |\n| {} | {} | {} | {} ({}) | {} |\n\n{}",
      name_, users, admins, knocks, may, ban, texts);
}

} // namespace moorage::test
