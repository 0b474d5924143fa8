// The account of a log-in's keys: which were considered, in the order in which they were, what became of each
// and what to do about it. For people, so it decides nothing. Never holds a secret.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "messages/key_account.hpp"
#include "runtime/ssh/login/credentials.hpp"

namespace moorage {

class considered_keys {
public:
  /// More are counted, and not told one by one: an agent may hold a thousand.
  static constexpr std::size_t told_max = 40;

  /// It is being shown to the server.
  void shown(std::string from, std::string key);
  /// What became of that; of nothing, if none is being shown.
  void became(key_fate fate, std::string why = {}, std::string advice = {});
  void not_offered(std::string from, std::string key, std::string why, std::string advice = {});

  /// As they may be shown to people; of more than `told_max` the last one says how many.
  std::vector<key_considered> told() const;

private:
  void add(key_considered one);

  std::vector<key_considered> all_;
  std::size_t untold_ = 0;
  bool showing_ = false;
};

/// How the account names where a key is from.
std::string from_file(const std::string& path);
std::string from_certificate(const std::string& path);
std::string from_agent(const std::string& socket);

/// What could not be used of `with`, and, with the reason that is `left`, what was not `tried` (by wire form)
/// of what could.
struct reason_left {
  std::string why;
  std::string advice = {};
};
void add_files(considered_keys& to, const credentials& with, const std::set<std::string>& tried,
               const reason_left& left);
/// That there is no agent, or that it is not asked; nothing, if it is.
void add_absent_agent(considered_keys& to, const credentials& with);

/// Of a log-in that asks no server, since there is nothing to show.
std::vector<key_considered> considered_alone(const credentials& with);

/// What to do about a key file's trouble, and about that of its certificate; empty: there is none.
std::string advice_for(const key_file& file);
std::string advice_for_certificate(const key_file& file);

/// What to do where a server denies this key, or certificate, to this user.
std::string advice_when_denied(const std::string& blob, const std::string& user);

} // namespace moorage
