#include "runtime/config/ssh_option_names.hpp"

#include <algorithm>
#include <array>

#include "messages/printable.hpp"

namespace moorage {

namespace {

using namespace std::string_view_literals;

// What concerns a terminal, a person or ssh's own sharing of connections, or is the same here whatever it
// says: leaving it out changes nothing of what a command does.
constexpr std::array without_effect{"addkeystoagent"sv,
                                    "batchmode"sv,
                                    "canonicaldomains"sv,
                                    "canonicalizefallbacklocal"sv,
                                    "canonicalizehostname"sv,
                                    "canonicalizemaxdots"sv,
                                    "canonicalizepermittedcnames"sv,
                                    "clearallforwardings"sv,
                                    "controlmaster"sv,
                                    "controlpath"sv,
                                    "controlpersist"sv,
                                    "enableescapecommandline"sv,
                                    "escapechar"sv,
                                    "exitonforwardfailure"sv,
                                    "fingerprinthash"sv,
                                    "forwardx11timeout"sv,
                                    "forwardx11trusted"sv,
                                    "gatewayports"sv,
                                    "gssapidelegatecredentials"sv,
                                    "gssapikexalgorithms"sv,
                                    "gssapirenewalforcesrekey"sv,
                                    "gssapitrustdns"sv,
                                    "host"sv,
                                    "identitiesonly"sv,
                                    "ipqos"sv,
                                    "localcommand"sv,
                                    "loglevel"sv,
                                    "logverbose"sv,
                                    "numberofpasswordprompts"sv,
                                    "permitlocalcommand"sv,
                                    "requesttty"sv,
                                    "streamlocalbindmask"sv,
                                    "streamlocalbindunlink"sv,
                                    "syslogfacility"sv,
                                    "tcpkeepalive"sv,
                                    "updatehostkeys"sv,
                                    "visualhostkey"sv,
                                    "xauthlocation"sv};

// As ssh_config(5) writes what is told most often.
constexpr std::array written{"AddressFamily"sv,
                             "BindAddress"sv,
                             "BindInterface"sv,
                             "CASignatureAlgorithms"sv,
                             "CertificateFile"sv,
                             "CheckHostIP"sv,
                             "Ciphers"sv,
                             "Compression"sv,
                             "ConnectionAttempts"sv,
                             "ConnectTimeout"sv,
                             "DynamicForward"sv,
                             "EnableSSHKeysign"sv,
                             "ForkAfterAuthentication"sv,
                             "ForwardAgent"sv,
                             "ForwardX11"sv,
                             "GlobalKnownHostsFile"sv,
                             "GSSAPIAuthentication"sv,
                             "GSSAPIClientIdentity"sv,
                             "GSSAPIKeyExchange"sv,
                             "GSSAPIServerIdentity"sv,
                             "HashKnownHosts"sv,
                             "HostbasedAcceptedAlgorithms"sv,
                             "HostbasedAuthentication"sv,
                             "HostKeyAlgorithms"sv,
                             "HostKeyAlias"sv,
                             "HostName"sv,
                             "IdentitiesOnly"sv,
                             "IdentityAgent"sv,
                             "IdentityFile"sv,
                             "KbdInteractiveAuthentication"sv,
                             "KexAlgorithms"sv,
                             "KnownHostsCommand"sv,
                             "LocalForward"sv,
                             "MACs"sv,
                             "NoHostAuthenticationForLocalhost"sv,
                             "PasswordAuthentication"sv,
                             "PermitRemoteOpen"sv,
                             "PKCS11Provider"sv,
                             "Port"sv,
                             "PreferredAuthentications"sv,
                             "ProxyCommand"sv,
                             "ProxyJump"sv,
                             "ProxyUseFdpass"sv,
                             "PubkeyAcceptedAlgorithms"sv,
                             "PubkeyAuthentication"sv,
                             "RekeyLimit"sv,
                             "RemoteCommand"sv,
                             "RemoteForward"sv,
                             "RequiredRSASize"sv,
                             "RevokedHostKeys"sv,
                             "SecurityKeyProvider"sv,
                             "SendEnv"sv,
                             "ServerAliveCountMax"sv,
                             "ServerAliveInterval"sv,
                             "SessionType"sv,
                             "SetEnv"sv,
                             "StdinNull"sv,
                             "StrictHostKeyChecking"sv,
                             "Tunnel"sv,
                             "TunnelDevice"sv,
                             "User"sv,
                             "UserKnownHostsFile"sv,
                             "VerifyHostKeyDNS"sv};

} // namespace

std::string lower_case(std::string_view text) {
  std::string result{text};
  for (auto& c : result)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

bool changes_nothing(std::string_view option) {
  return std::find(without_effect.begin(), without_effect.end(), option) != without_effect.end();
}

std::string as_written(const std::string& option) {
  for (auto each : written)
    if (lower_case(each) == option)
      return std::string{each};
  return printable(option);
}

} // namespace moorage
