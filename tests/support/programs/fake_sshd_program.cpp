// The fake sshd as a program of its own, for benches that measure the memory and the processor time of the
// client alone.
//
// usage: fake_sshd_program [host=ADDRESS] [port=N] [FAULT=VALUE]…
//
// Prints one line of JSON with host, port and host_key, then obeys one order a line on stdin, each answered
// with one line of JSON: {"ok":true}, {"error":"…"}, or what was asked for.
//   set FAULT=VALUE          next N FAULT=VALUE…       listen yes|no
//   freeze, thaw, half-open, reset-all, close-all, disconnect-all, change-host-key
//   counters, connect-times (in ticks of the steady clock), host-key
// Ends with the end of stdin.
#include "tests/support/fake_sshd.hpp"
#include "tests/support/fake_text.hpp"

#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <sys/resource.h>

namespace {

using namespace moorage::support;

/// "name=value"; everything behind the first "=" is the value.
std::pair<std::string, std::string> split(const std::string& word) {
  auto equals = word.find('=');
  if (equals == std::string::npos)
    throw std::invalid_argument("\"" + word + "\" is not NAME=VALUE");
  return {word.substr(0, equals), word.substr(equals + 1)};
}

std::string error_line(const char* text) {
  std::string line = "{\"error\":\"";
  for (const char* c = text; *c; ++c)
    line += *c == '"' || *c == '\\' ? std::string{'\\', *c} : std::string{*c};
  return line + "\"}";
}

std::string obey(fake_sshd& sshd, const std::string& line) {
  std::istringstream words(line);
  std::string order;
  words >> order >> std::ws;
  std::string rest;
  std::getline(words, rest);
  static const std::map<std::string, void (fake_sshd::*)()> plain = {
      {"freeze", &fake_sshd::freeze},
      {"thaw", &fake_sshd::thaw},
      {"half-open", &fake_sshd::go_half_open},
      {"reset-all", &fake_sshd::reset_all},
      {"close-all", &fake_sshd::close_all},
      {"disconnect-all", &fake_sshd::disconnect_all},
      {"change-host-key", &fake_sshd::change_host_key},
  };
  if (auto found = plain.find(order); found != plain.end()) {
    (sshd.*found->second)();
  } else if (order == "set") {
    auto [name, value] = split(rest);
    auto faults = sshd.faults();
    set_fault(faults, name, value);
    sshd.set(faults);
  } else if (order == "next") {
    std::istringstream all(rest);
    int count = 0;
    all >> count;
    auto faults = sshd.faults();
    for (std::string word; all >> word;) {
      auto [name, value] = split(word);
      set_fault(faults, name, value);
    }
    sshd.next(count, faults);
  } else if (order == "listen") {
    sshd.listen(rest == "yes");
  } else if (order == "counters") {
    return counters_to_json(sshd.counters());
  } else if (order == "connect-times") {
    std::string list;
    for (auto each : sshd.connect_times())
      list += (list.empty() ? "" : ",") + std::to_string(each.time_since_epoch().count());
    return "{\"connect_times\":[" + list + "]}";
  } else if (order == "host-key") {
    return "{\"host_key\":\"" + sshd.host_key() + "\"}";
  } else {
    throw std::invalid_argument("no such order: " + order);
  }
  return "{\"ok\":true}";
}

fake_sshd_settings settings_from(int argc, char** argv) {
  fake_sshd_settings settings;
  for (int i = 1; i < argc; ++i) {
    auto [name, value] = split(argv[i]);
    if (name == "host")
      settings.host = value;
    else if (name == "port")
      settings.port = static_cast<std::uint16_t>(std::stoi(value));
    else
      set_fault(settings.faults, name, value);
  }
  return settings;
}

} // namespace

int main(int argc, char** argv) try {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max; // two a connection
  setrlimit(RLIMIT_NOFILE, &files);
  fake_sshd sshd{settings_from(argc, argv)};
  std::cout << "{\"host\":\"" << sshd.host() << "\",\"port\":" << sshd.port() << ",\"host_key\":\""
            << sshd.host_key() << "\"}" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    try {
      std::cout << obey(sshd, line) << std::endl;
    } catch (const std::exception& e) {
      std::cout << error_line(e.what()) << std::endl;
    }
  }
  return 0;
} catch (const std::exception& e) {
  std::cerr << "fake_sshd_program: " << e.what() << "\n";
  return 2;
}
