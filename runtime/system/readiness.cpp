// edge: who turns the loop looks up whom to wake while owners come and go; the table is all they share.
#include "runtime/system/readiness.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <unordered_map>
#include <utility>

#include "runtime/system/descriptors.hpp"

namespace moorage {

/// What owner and loop share of one watch. The token is never used again, so that an event that was fetched
/// before a descriptor's number changed hands finds no entry rather than the next owner's.
struct watch::entry {
  std::uint64_t token = 0;
  int fd = -1;
  bool known_to_epoll = false; ///< the owner's only
  std::function<void()> wake;
  /// What is armed (EPOLLIN, EPOLLOUT), 0 when it has fired. The loop sets 0 before it wakes: an owner that
  /// still sees the old value is about to be woken, one that sees 0 arms anew, and no wake-up is lost.
  std::atomic<std::uint32_t> interest{0};
};

struct watch::core {
  static constexpr std::uint64_t interrupt_token = 0;
  static constexpr std::size_t batch = 256;

  unique_fd epoll;
  unique_fd interruption;
  std::thread thread;
  std::mutex mutex;
  std::unordered_map<std::uint64_t, std::shared_ptr<entry>> entries;
  std::uint64_t last_token = interrupt_token;
  std::atomic<std::uint64_t> wakes{0};
  std::atomic<std::uint64_t> stale{0};
  std::array<epoll_event, batch> ready{};          ///< of whoever turns
  std::array<std::shared_ptr<entry>, batch> woken; ///< as well

  bool turn(int timeout);
};

/// False: it was interrupted.
bool watch::core::turn(int timeout) {
  int count = 0;
  do
    count = ::epoll_wait(epoll.get(), ready.data(), static_cast<int>(batch), timeout);
  while (count < 0 && errno == EINTR);
  if (count <= 0)
    return count == 0; // the descriptor is ours alone: nothing else can be wrong with it
  std::size_t found = 0;
  bool interrupted = false;
  {
    std::lock_guard guard{mutex};
    for (int i = 0; i < count; ++i) {
      auto token = ready[static_cast<std::size_t>(i)].data.u64;
      if (token == interrupt_token)
        interrupted = true;
      else if (auto at = entries.find(token); at != entries.end())
        woken[found++] = at->second;
      else
        stale.fetch_add(1, std::memory_order_relaxed);
    }
  }
  // Outside the lock: a waker may take locks of its own.
  for (std::size_t i = 0; i < found; ++i) {
    woken[i]->interest.store(0, std::memory_order_release);
    woken[i]->wake();
    woken[i].reset();
  }
  wakes.fetch_add(found, std::memory_order_relaxed);
  return !interrupted;
}

watch::watch(std::shared_ptr<core> owner, std::shared_ptr<entry> which)
    : core_(std::move(owner)), entry_(std::move(which)) {}

watch::watch(watch&& other) noexcept
    : core_(std::exchange(other.core_, nullptr)), entry_(std::exchange(other.entry_, nullptr)) {}

watch& watch::operator=(watch&& other) noexcept {
  if (this != &other) {
    end();
    core_ = std::exchange(other.core_, nullptr);
    entry_ = std::exchange(other.entry_, nullptr);
  }
  return *this;
}

bool watch::arm(bool read, bool write) {
  if (!entry_) {
    errno = EBADF;
    return false;
  }
  std::uint32_t interest = (read ? EPOLLIN : 0u) | (write ? EPOLLOUT : 0u);
  if (entry_->interest.load(std::memory_order_acquire) == interest)
    return true;
  epoll_event event{};
  // Being told of a hang-up that nobody waits for would spin: with no interest the watch stays disarmed.
  event.events = interest | EPOLLONESHOT;
  event.data.u64 = entry_->token;
  if (interest == 0) {
    entry_->interest.store(0, std::memory_order_release);
    if (entry_->known_to_epoll) // disarmed only by leaving: EPOLLHUP and EPOLLERR cannot be masked
      ::epoll_ctl(core_->epoll.get(), EPOLL_CTL_DEL, entry_->fd, nullptr);
    entry_->known_to_epoll = false;
    return true;
  }
  // Before the system call: the event may come before it returns.
  entry_->interest.store(interest, std::memory_order_release);
  int how = entry_->known_to_epoll ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (::epoll_ctl(core_->epoll.get(), how, entry_->fd, &event) != 0) {
    entry_->interest.store(0, std::memory_order_release);
    return false;
  }
  entry_->known_to_epoll = true;
  return true;
}

bool watch::armed() const {
  return entry_ && entry_->interest.load(std::memory_order_acquire) != 0;
}

void watch::end() {
  if (!entry_)
    return;
  if (entry_->known_to_epoll)
    ::epoll_ctl(core_->epoll.get(), EPOLL_CTL_DEL, entry_->fd, nullptr);
  {
    std::lock_guard guard{core_->mutex};
    core_->entries.erase(entry_->token);
  }
  entry_ = nullptr;
  core_ = nullptr;
}

readiness::readiness(turned_by whom) : core_(std::make_shared<watch::core>()) {
  core_->epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
  core_->interruption.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET; // each interruption is told once, and nobody has to read it
  event.data.u64 = watch::core::interrupt_token;
  if (!core_->epoll || !core_->interruption ||
      ::epoll_ctl(core_->epoll.get(), EPOLL_CTL_ADD, core_->interruption.get(), &event) != 0) {
    problem_ = std::string("the readiness loop cannot start: ") + std::strerror(errno);
    return;
  }
  if (whom == turned_by::others)
    return;
  try {
    core_->thread = std::thread([core = core_.get()] {
      while (core->turn(-1)) {
      }
    });
  } catch (const std::system_error& error) {
    problem_ = std::string("the readiness loop cannot start its thread: ") + error.what();
  }
}

readiness::~readiness() {
  if (!core_->thread.joinable())
    return;
  interrupt();
  core_->thread.join();
}

void readiness::turn(patience how_long) {
  core_->turn(how_long == patience::none ? 0 : -1);
}

void readiness::interrupt() {
  std::uint64_t one = 1;
  while (::write(core_->interruption.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

watch readiness::add(int fd, std::function<void()> wake) {
  if (!problem_.empty() || fd < 0)
    return {};
  auto entry = std::make_shared<watch::entry>();
  entry->fd = fd;
  entry->wake = std::move(wake);
  {
    std::lock_guard guard{core_->mutex};
    entry->token = ++core_->last_token;
    core_->entries.emplace(entry->token, entry);
  }
  return {core_, std::move(entry)};
}

std::size_t readiness::watched() const {
  std::lock_guard guard{core_->mutex};
  return core_->entries.size();
}

std::uint64_t readiness::wakes() const {
  return core_->wakes.load(std::memory_order_relaxed);
}

std::uint64_t readiness::stale() const {
  return core_->stale.load(std::memory_order_relaxed);
}

} // namespace moorage
