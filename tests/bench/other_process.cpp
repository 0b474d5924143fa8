#include <cstdio>
#include <fmt/format.h>
#include <iostream>

#include "tests/bench/figures.hpp"
#include "tests/bench/other_node.hpp"

namespace moorage::bench {

using namespace std::chrono_literals;

int serve_role(const std::vector<std::string>& arguments) {
  runtime rt{quiet({still(address::from({arguments.begin() + 1, arguments.end()}), "alpha", 2)})};
  wait_idle(rt, "alpha", 2);
  rt.serve(arguments.at(0)).value();
  std::puts("ready");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);)
    ;
  return 0;
}

namespace {

/// Whether a link slows down what streams through it.
figure bytes_through(runtime& remote, runtime& embedded, const effort& effort) {
  const auto mebibytes = effort.some(100);
  const auto command = "head -c " + std::to_string(mebibytes) + "M /dev/zero";
  auto rate = [&](runtime& rt) {
    auto lease = rt.acquire("alpha", 20s);
    std::size_t received = 0;
    auto took = time_each(1, [&] {
      auto output = lease.open({command, {}, {}, {}, 0});
      for (stream::chunk chunk; output.read(chunk);)
        received += chunk.bytes.size();
      if (!output.ended().succeeded())
        throw std::runtime_error("head failed");
    });
    lease.release().value();
    if (received != static_cast<std::size_t>(mebibytes) << 20)
      throw std::runtime_error("output was lost");
    return mebibytes * 1e9 / took.median();
  };
  figure made;
  made.name = "other-process-bytes";
  made.what = std::to_string(mebibytes) + " MiB of a command's output streamed over the Unix socket";
  made.baseline = "the embedded runtime";
  made.unit = "MiB/s";
  made.note = "a node in another process; what encrypts and decrypts is in both";
  measure_pairs(made, effort.pairs(), [&](bool first) {
    return in_order(
        first, [&] { return rate(remote); }, [&] { return rate(embedded); });
  });
  return made;
}

} // namespace

void other_process(const effort& effort, figures& into) {
  support::real_sshd sshd;
  other_node node{sshd};
  auto remote = runtime::connect(node.socket());
  runtime embedded{quiet({still(address_of(sshd), "alpha", 2)})};
  wait_idle(embedded, "alpha", 2);
  auto acquire = [](runtime& rt) { rt.acquire("alpha", 20s).release().value(); };
  auto command = [](runtime& rt) {
    auto lease = rt.acquire("alpha", 20s);
    if (!lease.run("true").ended.succeeded())
      throw std::runtime_error("true failed");
    lease.release().value();
  };
  auto compare = [&](const std::string& name, const std::string& what, int times, auto once) {
    figure made;
    made.name = name;
    made.what = what;
    made.baseline = "the embedded runtime";
    made.unit = "us";
    made.note = "a node in another process; release waits for its answer in both";
    auto p50 = [&](runtime& rt) { return microseconds_of(time_each(times, [&] { once(rt); }).median()); };
    measure_pairs(made, effort.pairs(), [&](bool first) {
      return in_order(
          first, [&] { return p50(remote); }, [&] { return p50(embedded); });
    });
    into.push_back(std::move(made));
  };
  compare("other-process-acquire", "acquire + release over the Unix socket, p50", effort.some(1'000),
          acquire);
  compare("other-process-command", "acquire, `true`, release over the Unix socket, p50", effort.some(100),
          command);
  into.push_back(bytes_through(remote, embedded, effort));
}

} // namespace moorage::bench
