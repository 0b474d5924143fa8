// The algorithms of SSH by their names, as settings list them (ssh_config(5): Ciphers, MACs, KexAlgorithms,
// HostKeyAlgorithms, PubkeyAcceptedAlgorithms, PreferredAuthentications). Names only, so that a configuration
// can be checked without the SSH library; that the library has just these is proved by a test.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace moorage {

enum class algorithm_kind : std::uint8_t {
  cipher,
  mac,
  key_exchange,
  host_key,   ///< without those of host certificates, which are not checked here
  public_key, ///< what a log-in's key may sign with
  log_in      ///< the methods of a log-in
};

/// What is offered where nothing is said, in the order of preference. Of log-in methods, too.
std::vector<std::string> usual_algorithms(algorithm_kind kind);
std::vector<std::string> known_algorithms(algorithm_kind kind); ///< all that there are here
bool is_known_algorithm(algorithm_kind kind, std::string_view name);

/// The names of a list with commas. Empty ones are kept.
std::vector<std::string> split_names(std::string_view list);
std::string join_names(const std::vector<std::string>& names);

/// What a setting's text comes to: the usual ones for "", else its names, or with +, - or ^ before them the
/// usual ones and these behind, without these, or these in front; each once. The text has passed its check.
std::vector<std::string> assembled_algorithms(algorithm_kind kind, std::string_view written);

/// What is wrong with the setting's text; "" for nothing.
std::string wrong_ciphers(const std::string& written);
std::string wrong_macs(const std::string& written);
std::string wrong_key_exchanges(const std::string& written);
std::string wrong_host_keys(const std::string& written);
std::string wrong_public_keys(const std::string& written);
std::string wrong_log_in_methods(const std::string& written);

} // namespace moorage
