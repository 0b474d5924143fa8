#include "tests/support/own_address.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>

namespace moorage::support {

std::string own_address() {
  std::string result;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0)
    return {};
  for (auto* each = all; each != nullptr && result.empty(); each = each->ifa_next) {
    char text[NI_MAXHOST];
    if (each->ifa_addr != nullptr && each->ifa_addr->sa_family == AF_INET &&
        (each->ifa_flags & IFF_LOOPBACK) == 0 && (each->ifa_flags & IFF_UP) != 0 &&
        getnameinfo(each->ifa_addr, sizeof(sockaddr_in), text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0)
      result = text;
  }
  freeifaddrs(all);
  return result;
}

} // namespace moorage::support
