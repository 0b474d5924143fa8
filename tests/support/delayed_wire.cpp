#include "tests/support/delayed_wire.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/support/own_machines.hpp"

namespace moorage::support {

namespace {

unique_fd end_of_wire(int network, const std::string& device) {
  network_visit there{network};
  unique_fd made{open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK)};
  ifreq wanted{};
  wanted.ifr_flags = IFF_TUN | IFF_NO_PI;
  device.copy(wanted.ifr_name, IFNAMSIZ - 1);
  if (!made || ioctl(made.get(), TUNSETIFF, &wanted) != 0)
    throw std::runtime_error(std::string{"no wire that delays: /dev/net/tun: "} + std::strerror(errno));
  return made;
}

} // namespace

delayed_wire::delayed_wire(int one, int other, const std::string& device, std::chrono::milliseconds delay)
    : delay_(delay), one_(end_of_wire(one, device)), other_(end_of_wire(other, device)),
      over_(eventfd(0, EFD_CLOEXEC)), carrier_([this](const std::stop_token& stop) { carry(stop); }) {}

void delayed_wire::carry(const std::stop_token& stop) {
  std::stop_callback wake{stop, [this] { eventfd_write(over_.get(), 1); }};
  while (!stop.stop_requested()) {
    // Each is kept for as long, so that the first is due first.
    auto left =
        under_way_.empty()
            ? std::chrono::milliseconds{-1}
            : std::max(std::chrono::ceil<std::chrono::milliseconds>(under_way_.front().due - clock::now()),
                       std::chrono::milliseconds{0});
    std::array<pollfd, 3> any{pollfd{one_.get(), POLLIN, 0}, pollfd{other_.get(), POLLIN, 0},
                              pollfd{over_.get(), POLLIN, 0}};
    poll(any.data(), any.size(), static_cast<int>(left.count()));
    take(one_.get(), other_.get());
    take(other_.get(), one_.get());
    for (; !under_way_.empty() && under_way_.front().due <= clock::now(); under_way_.pop_front()) {
      const auto& first = under_way_.front();
      // A network that does not take it has lost it, as networks do.
      static_cast<void>(!write(first.to, first.bytes.data(), first.bytes.size()));
    }
  }
}

void delayed_wire::take(int from, int to) {
  std::array<char, 64 << 10> room{};
  constexpr int at_a_time = 64;
  for (int i = 0; i < at_a_time; ++i) {
    auto size = read(from, room.data(), room.size());
    if (size <= 0)
      return;
    under_way_.push_back({clock::now() + delay_, to, {room.data(), room.data() + size}});
  }
}

} // namespace moorage::support
