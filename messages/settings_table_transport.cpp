// The rows of the transport (messages/settings_table.cpp).
#include "messages/algorithms.hpp"
#include "messages/settings_entry.hpp"

namespace moorage {

namespace {

using S = cluster_settings;
using enum setting_change;

std::vector<field> certificate_fields() {
  return {
      entry<&S::certificate_warning>(
          "certificate_warning",
          "So long before the end of the certificate that log-ins use, people are warned, and "
          "renew_command is run; not before half of its life is over. 0: nobody is warned.",
          {.least = 1'000, .most = 30 * days, .zero = true}),
      entry<&S::renew_command>(
          "renew_command",
          "Command of this machine that gets a new certificate, run before a log-in that would offer one "
          "which ends soon or has ended; clusters with the same one share its runs. Empty: none.",
          {.wrong_text = wrong_local_command,
           .on_change = new_connections,
           .example = R"("step-renew lumi")"}),
      entry<&S::renew_timeout>("renew_timeout",
                               "One run of renew_command; connect_timeout stands still meanwhile.",
                               {.on_change = new_connections, .least = 100, .most = 10 * minutes}),
  };
}

} // namespace

std::vector<field> transport_fields() {
  auto certificates = certificate_fields();
  return section(
      "The transport",
      {
          entry<&S::connect_timeout>("connect_timeout",
                                     "One try to connect, from look-up to the end of authentication.",
                                     {.on_change = new_connections,
                                      .least = 100,
                                      .most = 10 * minutes,
                                      .ssh_name = "ConnectTimeout"}),
          entry<&S::connect_tries>("connect_tries", "Tries of one opening, where the cause may pass.",
                                   {.least = 1, .most = 10, .ssh_name = "ConnectionAttempts"}),
          entry<&S::agent_timeout>(
              "agent_timeout",
              "A signature of the agent's, which its user may have to allow (a touch, a "
              "fingerprint); connect_timeout stands still meanwhile. 0: what is left of connect_timeout.",
              {.on_change = new_connections, .least = 100, .most = 10 * minutes, .zero = true}),
          certificates[0],
          certificates[1],
          certificates[2],
          entry<&S::keep_alive_interval>("keep_alive_interval",
                                         "Silence under a lease after which the server is asked whether it "
                                         "is there. An idle connection has "
                                         "its checks. 0: never.",
                                         {.on_change = reopens,
                                          .least = 100,
                                          .most = 1 * days,
                                          .zero = true,
                                          .ssh_name = "ServerAliveInterval"}),
          entry<&S::keep_alive_count_max>(
              "keep_alive_count_max", "After so many unanswered questions in a row the link is lost.",
              {.on_change = reopens, .least = 1, .most = 1'000, .ssh_name = "ServerAliveCountMax"}),
          entry<&S::ciphers>(
              "ciphers",
              "Ciphers that may be agreed on, the preferred first; with +, - or ^ before them "
              "the usual ones and these, without these, or these first. Empty: the usual ones.",
              {.wrong_text = wrong_ciphers,
               .on_change = reopens,
               .example = R"("aes256-gcm@openssh.com,aes256-ctr")",
               .ssh_name = "Ciphers"}),
          entry<&S::macs>("macs", "The same of what authenticates packets, where the cipher does not itself.",
                          {.wrong_text = wrong_macs,
                           .on_change = reopens,
                           .example = R"("hmac-sha2-512-etm@openssh.com")",
                           .ssh_name = "MACs"}),
          entry<&S::kex_algorithms>("kex_algorithms", "The same of methods of key exchange.",
                                    {.wrong_text = wrong_key_exchanges,
                                     .on_change = reopens,
                                     .example = R"("-diffie-hellman-group14-sha256")",
                                     .ssh_name = "KexAlgorithms"}),
          entry<&S::compression>("compression",
                                 "Ask the server to compress, once it has let us in: for slow lines.",
                                 {.on_change = reopens, .ssh_name = "Compression"}),
          entry<&S::rekey_data>(
              "rekey_data",
              "Bytes in one direction after which new keys are asked for. 0: what the cipher bears.",
              {.on_change = reopens,
               .least = 1u << 20,
               .most = 1ull << 40,
               .zero = true,
               .ssh_name = "RekeyLimit"}),
          entry<&S::rekey_interval>(
              "rekey_interval",
              "New keys are asked for after so long, with the next packet. 0: not for that.",
              {.on_change = reopens, .least = 1'000, .most = 30 * days, .zero = true}),
      });
}

} // namespace moorage
