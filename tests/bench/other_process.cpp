#include <cstdio>
#include <fmt/format.h>
#include <iostream>
#include <stdexcept>

#include "tests/bench/clients.hpp"
#include "tests/bench/figures.hpp"
#include "tests/bench/other_node.hpp"

namespace moorage::bench {

using namespace std::chrono_literals;

int serve_role(const std::vector<std::string>& arguments) {
  auto number = [&](std::size_t place) {
    return static_cast<std::uint32_t>(std::stoul(arguments.at(place)));
  };
  auto settings = still(address::from({arguments.begin() + 7, arguments.end()}), "alpha", number(1));
  settings.channels_per_connection = number(2);
  runtime rt{quiet({settings})};
  wait_idle(rt, "alpha", settings.pool_size);
  serving how{.socket = arguments.at(0), .listen = {"127.0.0.1:0"}};
  how.files = {arguments.at(3), arguments.at(4), arguments.at(5), arguments.at(6)};
  for (const char* name : {"bench", "visitor0", "visitor1", "visitor2", "visitor3"})
    how.access.push_back(
        {.certificate = std::string{"uri:moorage:"} + name, .clusters = {"*"}, .allow = {access_right::use}});
  rt.serve(how).value();
  std::puts(("ready " + rt.listens_on().front()).c_str());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);)
    ;
  return 0;
}

namespace {

constexpr std::uint32_t connections = 10;
constexpr int callers = 64;

/// A node, and a client of it by each way that there is; what each is to reach of the embedded runtime.
struct both_ways {
  explicit both_ways(const support::real_sshd& sshd, std::uint32_t size)
      : node(sshd, size), embedded(quiet({still(address_of(sshd), "alpha", size)})),
        by_socket(runtime::connect(node.socket())), by_tls(runtime::connect(node.over_tls())) {
    wait_idle(embedded, "alpha", size);
  }
  other_node node;
  runtime embedded, by_socket, by_tls;
};

void run_true(runtime& rt) {
  auto result = rt.run("alpha", "true", 60s);
  if (!result.ended.succeeded())
    throw std::runtime_error("true: " + to_string(result.ended));
}

/// MiB a second.
double stream_rate(runtime& rt, int mebibytes) {
  auto lease = rt.acquire("alpha", 20s);
  std::size_t received = 0;
  auto took = time_each(1, [&] {
    auto output = lease.open("head -c " + std::to_string(mebibytes) + "M /dev/zero");
    for (stream::chunk chunk; output.read(chunk);)
      received += chunk.bytes.size();
    if (!output.ended().succeeded())
      throw std::runtime_error("head failed");
  });
  lease.release().value();
  if (received != static_cast<std::size_t>(mebibytes) << 20)
    throw std::runtime_error("output was lost");
  return mebibytes * 1e9 / took.median();
}

figure made_of(const std::string& name, const std::string& what, const std::string& unit) {
  figure made;
  made.name = name;
  made.what = what;
  made.baseline = "the embedded runtime";
  made.unit = unit;
  made.note = "a node in another process";
  return made;
}

void bound(figure& what, bar_kind bar, double limit) {
  what.bar = bar;
  what.limit = limit;
}

/// Whether a link slows down what streams through it.
void bytes_through(both_ways& over, const effort& effort, figures& into) {
  constexpr int few = 5; // pairs of so many bytes are enough, and take their time
  auto compare = [&](figure made, runtime& ours, runtime& reference, int mebibytes, int pairs) {
    auto rate = [mebibytes](runtime& rt) { return [&rt, mebibytes] { return stream_rate(rt, mebibytes); }; };
    measure_pairs(made, pairs, [&](bool first) { return in_order(first, rate(ours), rate(reference)); });
    into.push_back(std::move(made));
  };
  auto some = effort.some(100), gibibyte = effort.some(1'024);
  auto text = [](int mebibytes) {
    return std::to_string(mebibytes) + " MiB of a command's output streamed over ";
  };
  auto made = made_of("other-process-bytes", text(some) + "the Unix socket", "MiB/s");
  made.note += "; what encrypts and decrypts SSH is in both";
  compare(std::move(made), over.by_socket, over.embedded, some, effort.pairs());
  made = made_of("tls-bytes", text(gibibyte) + "TLS", "MiB/s");
  made.baseline = "the same over the Unix socket";
  bound(made, bar_kind::at_least, 0.6);
  compare(std::move(made), over.by_tls, over.by_socket, gibibyte, effort.quick ? effort.pairs() : few);
}

} // namespace

void other_process(const effort& effort, figures& into) {
  support::real_sshd sshd;
  both_ways over{sshd, connections};
  auto acquire = [](runtime& rt) { rt.acquire("alpha", 20s).release().value(); };
  auto command = [](runtime& rt) {
    auto lease = rt.acquire("alpha", 20s);
    if (!lease.run("true").ended.succeeded())
      throw std::runtime_error("true failed");
    lease.release().value();
  };
  auto compare = [&](figure made, runtime& remote, int times, auto once) {
    auto p50 = [&](runtime& rt) { return microseconds_of(time_each(times, [&] { once(rt); }).median()); };
    measure_pairs(made, effort.pairs(), [&](bool first) {
      return in_order(
          first, [&] { return p50(remote); }, [&] { return p50(over.embedded); });
    });
    into.push_back(std::move(made));
  };
  compare(made_of("other-process-acquire", "acquire + release over the Unix socket, p50", "us"),
          over.by_socket, effort.some(1'000), acquire);
  compare(made_of("other-process-command", "acquire, `true`, release over the Unix socket, p50", "us"),
          over.by_socket, effort.some(100), command);
  auto one = made_of("other-process-run", "`true` without a lease over the Unix socket, p50", "us");
  bound(one, bar_kind::at_most, 1.12);
  compare(std::move(one), over.by_socket, effort.some(100), run_true);
  one = made_of("tls-run", "`true` without a lease over TLS, p50", "us");
  bound(one, bar_kind::at_most, 1.2);
  compare(std::move(one), over.by_tls, effort.some(100), run_true);

  auto crowd = [&](figure made, runtime& remote, double limit) {
    bound(made, bar_kind::at_least, limit);
    auto rate = [&](runtime& rt) { return rate_of(callers, effort.some(400), [&] { run_true(rt); }); };
    measure_pairs(made, effort.pairs(), [&](bool first) {
      return in_order(
          first, [&] { return rate(remote); }, [&] { return rate(over.embedded); });
    });
    into.push_back(std::move(made));
  };
  crowd(made_of("other-process-crowd", "`true` over the Unix socket, 64 callers, 10 connections", "/s"),
        over.by_socket, 0.85);
  crowd(made_of("tls-crowd", "`true` over TLS, 64 callers, 10 connections", "/s"), over.by_tls, 0.75);
  bytes_through(over, effort, into);
}

} // namespace moorage::bench
