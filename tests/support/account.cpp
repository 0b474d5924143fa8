#include "tests/support/account.hpp"

#include <chrono>
#include <poll.h>
#include <stdexcept>
#include <unistd.h>
#include <vector>

#include "tests/support/process_tree.hpp"

namespace moorage::support {

namespace {

/// Another test's account may be in the making: the password file is locked for as long.
bool insist(const std::vector<std::string>& argv) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  for (;; poll(nullptr, 0, 100)) {
    process_spec spec;
    spec.argv = argv;
    if (run_to_end(spec) == 0)
      return true;
    if (std::chrono::steady_clock::now() >= deadline)
      return false;
  }
}

int accounts_made = 0;

} // namespace

ordinary_account::ordinary_account(const std::string& home)
    : name_("moorage" + std::to_string(getpid()) + "-" + std::to_string(++accounts_made)) {
  // "*" is no password, where useradd's own "!" would be a locked account.
  if (!insist({"/usr/sbin/useradd", "-M", "-N", "-p", "*", "-s", "/bin/sh", "-d", home, name_}))
    throw std::runtime_error("no account can be made for tests: useradd " + name_);
}

ordinary_account::~ordinary_account() {
  insist({"/usr/sbin/userdel", "-f", name_});
}

} // namespace moorage::support
