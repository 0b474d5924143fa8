// The front's thread, and the links that it carries. Who is still to prove who they are: strangers.cpp.
#include "runtime/node/tls/front.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <csignal>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "messages/durations.hpp"
#include "runtime/node/tls/address.hpp"

namespace moorage {

namespace {

constexpr std::chrono::milliseconds sweep_pause{500};
/// How long what one side has ended may take to reach the other.
constexpr std::chrono::seconds ending_patience{5};

std::system_error out_of(const char* what) {
  return std::system_error{errno, std::generic_category(), what};
}

} // namespace

tls_front::tls_front(std::chrono::milliseconds silence_max)
    : silence_max_(silence_max), epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY) {
    strangers_limit_ = std::min<std::size_t>(strangers_max, std::max<rlim_t>(files.rlim_cur / 4, 8));
    links_limit_ = std::min<std::size_t>(tls_links_max, std::max<rlim_t>(files.rlim_cur / 12, 8));
  }
  if (!epoll_ || !wake_)
    throw out_of("no descriptor for TLS");
  std::uint32_t told = 0;
  change(wake_.get(), 0, told, EPOLLIN);
  thread_ = std::thread{[this] { run(); }};
}

tls_front::~tls_front() {
  post([this] { closing_ = true; });
  thread_.join();
}

void tls_front::post(std::function<void()> what) {
  std::lock_guard guard{mutex_};
  posted_.push_back(std::move(what));
  ::eventfd_write(wake_.get(), 1);
}

// --- from any thread

void tls_front::listen(unique_fd socket, tls_context context, hearers told) {
  // What is posted has to be copied.
  auto shared = std::make_shared<unique_fd>(std::move(socket));
  post([this, shared, context = std::move(context), told = std::move(told)] {
    context_ = context;
    told_ = told;
    entry listener;
    listener.network = std::move(*shared);
    auto id = ++last_id_;
    auto& kept = all_.emplace(id, std::move(listener)).first->second;
    watch(id, kept, EPOLLIN);
  });
}

void tls_front::close_listeners() {
  post([this] {
    // A socket that was handed over is open elsewhere too: closed here alone, it would stay in epoll, and
    // have the thread spin as soon as somebody waits in its queue.
    for (auto& [id, each] : all_)
      if (each.at == stage::listening)
        watch(id, each, 0);
    std::erase_if(all_, [](const auto& each) { return each.second.at == stage::listening; });
  });
}

void tls_front::believe(tls_context context) {
  post([this, context = std::move(context)] {
    context_ = context;
    for (auto each = all_.begin(); each != all_.end();) {
      auto who = each++;
      if (who->second.at == stage::link && !is_still_believed(who->second.pump->ssl().get(), context_))
        refuse(who, "certificate not believed any more");
    }
  });
}

void tls_front::carry(ssl_ptr ssl, unique_fd network, unique_fd plain) {
  struct parts {
    ssl_ptr ssl;
    unique_fd network, plain;
  };
  auto shared = std::make_shared<parts>(parts{std::move(ssl), std::move(network), std::move(plain)});
  post([this, shared] {
    add_link(std::move(shared->ssl), std::move(shared->network), std::move(shared->plain), {});
  });
}

tls_front::counts tls_front::count() {
  std::lock_guard guard{mutex_};
  return counted_;
}

// --- the thread

void tls_front::run() {
  // OpenSSL writes to sockets whose other end has gone.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  std::array<epoll_event, 64> events{};
  next_sweep_ = clock::now() + sweep_pause;
  while (!closing_) {
    // Nothing has a deadline where nobody is.
    auto idle = strangers_ == 0 && links_ == 0 && !starved_;
    auto left = std::chrono::ceil<std::chrono::milliseconds>(next_sweep_ - clock::now()).count();
    auto wait = !again_.empty() ? 0 : idle ? -1 : static_cast<int>(std::max<std::int64_t>(left, 0));
    auto count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait);
    for (auto id : std::exchange(again_, {}))
      if (auto who = all_.find(id); who != all_.end()) {
        who->second.again = false;
        carry_on(who);
      }
    for (int i = 0; i < count; ++i)
      handle(events[static_cast<std::size_t>(i)].data.u64, events[static_cast<std::size_t>(i)].events);
    admit_parked();
    if (clock::now() >= next_sweep_)
      sweep();
    std::lock_guard guard{mutex_};
    counted_ = {links_, strangers_};
  }
  all_.clear();
}

void tls_front::take_posted() {
  eventfd_t ignored = 0;
  ::eventfd_read(wake_.get(), &ignored);
  std::vector<std::function<void()>> posted;
  {
    std::lock_guard guard{mutex_};
    posted.swap(posted_);
  }
  for (auto& each : posted)
    each();
}

void tls_front::handle(std::uint64_t id, std::uint32_t events) {
  if (id == 0)
    return take_posted();
  auto who = all_.find(id);
  if (who == all_.end())
    return; // it ended in this turn
  switch (who->second.at) {
  case stage::listening:
    return accept_some(who);
  case stage::greeting:
    return look_at_greeting(who, events);
  case stage::parked:
    return;
  case stage::handshake:
    return go_on(who);
  case stage::link:
    return carry_on(who);
  }
}

void tls_front::add_link(ssl_ptr ssl, unique_fd network, unique_fd plain, std::string from) {
  prepare_link(network.get(), silence_max_);
  entry link;
  link.at = stage::link;
  link.from = std::move(from);
  link.until = clock::now();
  link.pump = std::make_unique<tls_pump>(std::move(ssl), std::move(network), std::move(plain));
  auto who = all_.emplace(++last_id_, std::move(link)).first;
  ++links_;
  carry_on(who); // OpenSSL may hold what came behind the handshake
}

void tls_front::carry_on(entries::iterator who) {
  auto& link = who->second;
  if (!link.pump->work())
    return link.pump->why().empty() ? drop(who) : refuse(who, "the link broke: " + link.pump->why());
  if (link.pump->ending() && link.ending == clock::time_point::max())
    link.ending = clock::now() + ending_patience;
  watch(who->first, link, link.pump->wants_of_network(), link.pump->wants_of_plain());
  if (link.pump->more() && !std::exchange(link.again, true))
    again_.push_back(who->first);
}

void tls_front::sweep() {
  auto now = clock::now();
  next_sweep_ = now + sweep_pause;
  starved_ = false;
  for (auto each = all_.begin(); each != all_.end();) {
    auto who = each++;
    auto& one = who->second;
    if (one.at == stage::listening) {
      watch(who->first, one, EPOLLIN); // it may have been starved
    } else if (one.at != stage::link) {
      if (now >= one.until)
        refuse(who, one.at == stage::handshake ? "did not finish its handshake in time"
                    : one.at == stage::parked  ? "waited in vain among too many handshakes"
                                               : "said nothing of TLS in time");
    } else {
      if (one.pump->heard() || one.pump->deaf())
        one.until = now;
      one.pump->rest();
      if (now - one.until >= silence_max_) {
        reset_when_closed(one.pump->network());
        refuse(who, "said nothing for " + format_duration(silence_max_));
      } else if (now - one.since >= link_greeting_patience && one.pump->heard_in_all() < link_greeting_size)
        refuse(who, "did not greet as a client does");
      else if (has_run_out(one.pump->ssl().get()))
        refuse(who, "certificate has expired");
      else if (now >= one.ending)
        drop(who);
    }
  }
}

void tls_front::drop(entries::iterator who) {
  auto& one = who->second;
  if (one.at == stage::link)
    --links_;
  else if (one.at != stage::listening)
    --strangers_;
  if (one.at == stage::handshake) {
    std::erase(shaking_, who->first);
    if (auto of_address = proving_.find(one.network_of); --of_address->second == 0)
      proving_.erase(of_address);
  }
  all_.erase(who); // closing a descriptor takes it out of epoll
}

/// Where nothing is wanted, epoll is not told of the descriptor: it would tell of its end again and again.
void tls_front::change(int fd, std::uint64_t id, std::uint32_t& told, std::uint32_t wanted) const {
  if (told == wanted)
    return;
  epoll_event event{};
  event.events = wanted;
  event.data.u64 = id;
  ::epoll_ctl(epoll_.get(),
              told == 0     ? EPOLL_CTL_ADD
              : wanted == 0 ? EPOLL_CTL_DEL
                            : EPOLL_CTL_MOD,
              fd, &event);
  told = wanted;
}

void tls_front::watch(std::uint64_t id, entry& who, std::uint32_t network, std::uint32_t plain) {
  change(who.pump ? who.pump->network() : who.network.get(), id, who.wants_network, network);
  if (who.pump)
    change(who.pump->plain(), id, who.wants_plain, plain);
}

} // namespace moorage
