// Many clients of one node. They are made by hand: a thousand actor systems would be measured in their place.
#include <atomic>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <unistd.h>

#include "runtime/node/tls/dial.hpp"
#include "runtime/node/unix_socket.hpp"
#include "tests/bench/burner.hpp"
#include "tests/bench/figures.hpp"
#include "tests/bench/other_node.hpp"
#include "tests/node/hand_client.hpp"

namespace moorage::bench {

using namespace std::chrono_literals;
using node_tests::hand_client;

namespace {

constexpr std::size_t per_certificate = 250; ///< a node takes 256 of one owner
constexpr std::uint32_t visitors_at_once = 8;

/// Where visitors come to: a socket's path, or an address with the files of so many certificates.
struct visited {
  std::string where;
  std::vector<node_files> certificates = {};

  std::vector<std::string> words() const {
    std::vector<std::string> result{where};
    for (const auto& each : certificates)
      result.insert(result.end(), {each.certificate, each.key, each.authority, each.revoked});
    return result;
  }
  static visited from(const std::vector<std::string>& words) {
    visited result{words.at(0)};
    for (std::size_t i = 1; i + 3 < words.size(); i += 4)
      result.certificates.push_back({words[i], words[i + 1], words[i + 2], words[i + 3]});
    return result;
  }
  static visited over_tls(const other_node& node, std::size_t count) {
    visited result;
    for (std::size_t i = 0; i * per_certificate < count; ++i) {
      auto there = node.over_tls("visitor" + std::to_string(i));
      result.where = there.address;
      result.certificates.push_back(there.files);
    }
    return result;
  }
};

/// Comes, greets and is heard.
hand_client visitor(tls_front* carries, const visited& node, std::uint32_t number) {
  auto deadline = steady::now() + 60s;
  auto link = carries == nullptr
                  ? std::move(*connect_to(node.where, deadline))
                  : dial_tls(*carries, node.where,
                             node.certificates.at((number - 1) / per_certificate % node.certificates.size()),
                             deadline, {})
                        .value();
  hand_client client{std::move(link), number};
  if (!client.greet() || !client.ask("moorage::get_pool", node_tests::text("alpha")))
    throw std::runtime_error("the node does not answer a visitor");
  return client;
}

double resident_kib_of(pid_t process) {
  std::ifstream statm{"/proc/" + std::to_string(process) + "/statm"};
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1024;
}

std::vector<std::string> visit_words(const std::string& how, std::size_t count, const visited& node) {
  auto words = node.words();
  words.insert(words.begin(), {how, std::to_string(count)});
  return words;
}

/// All of them come, and go, and come: several at once, each time anew.
void come_and_go(tls_front* carries, const visited& node, std::uint32_t count) {
  std::atomic<bool> over = false;
  std::vector<std::thread> crew;
  for (std::uint32_t i = 0; i < visitors_at_once; ++i)
    crew.emplace_back([&, first = i] {
      std::vector<hand_client> here;
      while (!over) {
        here.clear();
        for (auto number = first; number < count && !over; number += visitors_at_once)
          here.push_back(visitor(carries, node, number + 1));
      }
    });
  for (std::string line; std::getline(std::cin, line);)
    ;
  over = true;
  for (auto& each : crew)
    each.join();
}

} // namespace

int visit_role(const std::vector<std::string>& arguments) {
  auto count = static_cast<std::uint32_t>(std::stoul(arguments.at(1)));
  auto node = visited::from({arguments.begin() + 2, arguments.end()});
  auto carries = node.certificates.empty() ? nullptr : front_of_process();
  auto tell = [] {
    std::puts("here");
    std::fflush(stdout);
  };
  if (arguments.at(0) == "come-and-go") {
    tell();
    come_and_go(carries.get(), node, count);
    return 0;
  }
  std::vector<hand_client> here;
  for (std::uint32_t number = 1; number <= count; ++number)
    here.push_back(visitor(carries.get(), node, number));
  tell();
  for (std::string line; std::getline(std::cin, line);)
    ;
  return 0;
}

void thousand_clients(const effort& effort, figures& into) {
  constexpr double bar_kib = 40;
  const std::size_t count = effort.quick ? 100 : 1'000;
  support::real_sshd sshd;
  for (auto tls : {false, true}) {
    const std::string way = tls ? "TLS" : "the Unix socket";
    figure made;
    made.name = fmt::format("many-clients/{}", way);
    made.what = fmt::format("memory at a node of each of {} clients over {}", count, way);
    made.baseline = fmt::format("the bar itself, {:g} KiB", bar_kib);
    made.unit = "KiB";
    made.note = "resident set of the node's process, before and after; the clients are another process";
    made.bar = bar_kind::at_most;
    made.limit = 1;
    measure_pairs(made, effort.quick ? 1 : 5, [&](bool) {
      other_node node{sshd};
      auto to = tls ? visited::over_tls(node, count) : visited{node.socket()};
      // One first, so that what is allocated once is not counted a thousand times.
      { own_process{"visit", visit_words("stay", 1, to)}.read_line(); }
      auto before = resident_kib_of(node.pid());
      own_process all{"visit", visit_words("stay", count, to)};
      all.read_line();
      return pair_of_numbers{(resident_kib_of(node.pid()) - before) / static_cast<double>(count), bar_kib};
    });
    into.push_back(std::move(made));
  }
}

void acquire_beside_reconnects(const effort& effort, figures& into) {
  constexpr std::size_t count = 200;
  support::real_sshd sshd;
  other_node node{sshd, 5};
  auto rt = runtime::connect(node.over_tls());
  auto to = visited::over_tls(node, count);
  auto p99 = [&] {
    samples taken;
    for (auto end = steady::now() + (effort.quick ? 300ms : 3'000ms); steady::now() < end;) {
      auto began = steady::now();
      auto lease = rt.acquire("alpha", 20s);
      taken.add(steady::now() - began);
    }
    return taken.quantile(0.99) / 1e6;
  };
  double share = 0;
  // What the node uses for this client alone is in both.
  auto spent_alone = cpu_of_process(node.pid());
  auto alone = steady::now();
  auto quiet = p99();
  auto own = static_cast<double>((cpu_of_process(node.pid()) - spent_alone).count()) /
             static_cast<double>((steady::now() - alone).count());
  auto beside_visitors = [&] {
    own_process visitors{"visit", visit_words("come-and-go", count, to)};
    visitors.read_line();
    let_pass(200ms);
    auto began = steady::now();
    auto spent = cpu_of_process(node.pid()) + cpu_of_process(visitors.pid());
    auto result = p99();
    spent = cpu_of_process(node.pid()) + cpu_of_process(visitors.pid()) - spent;
    share = static_cast<double>(spent.count()) / static_cast<double>((steady::now() - began).count()) - own;
    return result;
  };
  auto beside_burner = [&] {
    burner one{share / 2}, other{share / 2};
    return p99();
  };
  figure made;
  made.name = "reconnecting-acquire";
  made.what = fmt::format("acquire p99 of a client over TLS while {} others come and go", count);
  made.baseline = "the same beside threads that use as much processor time";
  made.unit = "ms";
  made.bar = bar_kind::at_most;
  made.limit = 3;
  beside_visitors(); // says how much is to be burnt
  measure_pairs(made, effort.pairs(),
                [&](bool first) { return in_order(first, beside_visitors, beside_burner); });
  made.note =
      fmt::format("quiet {:.3g} ms; the others and the node for them used {:.0f} % of a core, {} at once",
                  quiet, share * 100, visitors_at_once);
  into.push_back(std::move(made));
}

} // namespace moorage::bench
