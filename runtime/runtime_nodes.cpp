// Going to a node over TLS. In a file of its own so that a program that only ever asks a node of its own
// machine does not link OpenSSL.
#include <algorithm>
#include <chrono>
#include <utility>

#include "runtime/actors.hpp"
#include "runtime/node/tls/dial.hpp"
#include "runtime/runtime_parts.hpp"
#include "runtime/system/scheduler_thread.hpp"

namespace moorage {

namespace {

std::shared_ptr<tls_front> front(failure& none) {
  try {
    return front_of_process();
  } catch (const std::system_error& error) {
    none = {errc::local_failure, std::string{"cannot connect over TLS: "} + error.what()};
    return nullptr;
  }
}

failure join(runtime_parts& parts, const std::string& address, const node_files& files,
             std::chrono::milliseconds timeout, std::stop_token called_off = {}) {
  failure none;
  auto carrier = front(none);
  if (!carrier)
    return none;
  node_place where{address, [carrier, address, files](auto deadline, const std::stop_token& called_off) {
                     return dial_tls(*carrier, address, files, deadline, called_off);
                   }};
  return parts.join(std::move(where), timeout, std::move(called_off));
}

/// Each with a client and threads of its own, since each ends by itself.
known_nodes::dialler dialler_of(const node_files& files, std::chrono::milliseconds timeout,
                                const runtime_options& options) {
  return [files, timeout, options](const std::string& address,
                                   std::stop_token called_off) -> result<node_client> {
    auto parts = std::make_shared<runtime_parts>(options);
    if (auto refused = join(*parts, address, files, timeout, std::move(called_off));
        refused.code != errc::none)
      return refused;
    return node_client{parts->gate, [parts] { runtime_parts::end(parts); }};
  };
}

} // namespace

result<runtime> runtime::try_connect(const node_address& node, std::chrono::milliseconds timeout,
                                     runtime_options options) {
  if (on_scheduler_thread())
    return would_block();
  std::vector<std::string> all{node.address};
  for (const auto& each : node.others)
    if (std::find(all.begin(), all.end(), each) == all.end())
      all.push_back(each);
  failure why;
  for (const auto& home : all) {
    auto parts = std::make_shared<runtime_parts>(options);
    auto refused = join(*parts, home, node.files, timeout);
    if (refused.code == errc::none) {
      auto others = all;
      std::erase(others, home);
      parts->nodes = std::make_shared<known_nodes>(home, parts->gate, std::move(others), timeout,
                                                   dialler_of(node.files, timeout, options));
      parts->gate->lead_to(parts->nodes);
      return runtime{std::move(parts)};
    }
    if (why.code == errc::none)
      why.code = refused.code;
    why.text += (why.text.empty() ? "" : "; ") + refused.text;
  }
  return why;
}

runtime runtime::connect(const node_address& node, std::chrono::milliseconds timeout,
                         runtime_options options) {
  return try_connect(node, timeout, std::move(options)).value();
}

} // namespace moorage
