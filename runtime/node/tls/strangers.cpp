// Those who have still to prove who they are.
#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <utility>

#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "runtime/node/tls/address.hpp"
#include "runtime/node/tls/front.hpp"
#include "runtime/node/tls/greeting.hpp"

namespace moorage {

namespace {

/// Of one listener, before others have their turn.
constexpr int accepts_a_turn = 8;
constexpr std::uint32_t input = EPOLLIN | EPOLLRDHUP;

} // namespace

void tls_front::accept_some(entries::iterator listener) {
  for (int i = 0; i < accepts_a_turn; ++i) {
    unique_fd fd{::accept4(listener->second.network.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!fd && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
      starved_ = true; // the sweep tries again
      return watch(listener->first, listener->second, 0);
    }
    if (!fd && (errno == ECONNABORTED || errno == EINTR))
      continue;
    if (!fd)
      return;
    if (strangers_ >= strangers_limit_)
      make_room_for_stranger();
    // A byte of urgent data would wake us again and again, and never come.
    const int yes = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_OOBINLINE, &yes, sizeof(yes));
    entry stranger;
    stranger.at = stage::greeting;
    stranger.from = peer_address(fd.get());
    stranger.network_of = peer_network(fd.get());
    stranger.network = std::move(fd);
    stranger.until = clock::now() + handshake_patience;
    auto who = all_.emplace(++last_id_, std::move(stranger)).first;
    ++strangers_;
    look_at_greeting(who, 0);
  }
}

/// The one that has been here for longest without a word; if all have begun to speak, the longest of all.
void tls_front::make_room_for_stranger() {
  auto is_stranger = [](const entry& one) { return one.at == stage::greeting || one.at == stage::parked; };
  auto silent = std::find_if(all_.begin(), all_.end(), [&](const auto& each) {
    return is_stranger(each.second) && !each.second.spoke;
  });
  if (silent == all_.end())
    silent =
        std::find_if(all_.begin(), all_.end(), [&](const auto& each) { return is_stranger(each.second); });
  if (silent != all_.end())
    drop(silent);
}

void tls_front::look_at_greeting(entries::iterator who, std::uint32_t events) {
  auto& stranger = who->second;
  auto there = look_at_first_message(stranger.network.get());
  stranger.spoke = there != first_message::none;
  auto over = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0 && there != first_message::whole;
  if (over)
    return drop(who);
  if (there == first_message::unfit)
    return refuse(who, "does not speak TLS");
  if (there != first_message::whole)
    return watch(who->first, stranger, input);
  watch(who->first, stranger, 0);
  stranger.at = stage::parked;
  parked_.push_back(who->first);
}

/// In order, but for networks that have as many under way as one may have.
void tls_front::admit_parked() {
  auto left = std::exchange(parked_, {});
  std::set<std::string> full; // a look for room is made once for each
  while (!left.empty()) {
    if (shaking_.size() >= handshakes_max && !make_room_for_handshake({}))
      break;
    auto who = all_.find(left.front());
    left.pop_front();
    if (who == all_.end() || who->second.at != stage::parked)
      continue;
    const auto& network = who->second.network_of;
    auto under_way = proving_.find(network);
    auto many = under_way != proving_.end() && under_way->second >= handshakes_of_one_max;
    if (full.contains(network) || (many && !make_room_for_handshake(network))) {
      full.insert(network);
      parked_.push_back(who->first);
    } else {
      begin_handshake(who);
    }
  }
  parked_.insert(parked_.end(), left.begin(), left.end());
}

/// The one that has gone on for longest, if that is longer than usual; of one network, or of all (empty).
bool tls_front::make_room_for_handshake(const std::string& network) {
  for (auto id : shaking_) {
    auto one = all_.find(id);
    if (!network.empty() && one->second.network_of != network)
      continue;
    if (clock::now() - one->second.since < handshake_usual)
      return false;
    refuse(one, "took long over its handshake while others waited");
    return true;
  }
  return false;
}

void tls_front::begin_handshake(entries::iterator who) {
  auto& stranger = who->second;
  take_first_message(stranger.network.get());
  prepare_link(stranger.network.get(), silence_max_);
  stranger.ssl.reset(SSL_new(context_.get()));
  stranger.at = stage::handshake;
  stranger.since = clock::now();
  shaking_.push_back(who->first);
  ++proving_[stranger.network_of];
  if (!stranger.ssl || SSL_set_fd(stranger.ssl.get(), stranger.network.get()) != 1) {
    ERR_clear_error();
    return drop(who);
  }
  SSL_set_accept_state(stranger.ssl.get());
  go_on(who);
}

void tls_front::go_on(entries::iterator who) {
  auto& stranger = who->second;
  ERR_clear_error();
  auto outcome = SSL_do_handshake(stranger.ssl.get());
  if (outcome == 1)
    return let_in(who);
  switch (SSL_get_error(stranger.ssl.get(), outcome)) {
  case SSL_ERROR_WANT_READ:
    return watch(who->first, stranger, input);
  case SSL_ERROR_WANT_WRITE:
    return watch(who->first, stranger, EPOLLOUT);
  case SSL_ERROR_SYSCALL:
    return refuse(who, "broke off its handshake");
  default:
    refuse(who, tls_error(stranger.ssl.get()));
  }
}

void tls_front::let_in(entries::iterator who) {
  auto& stranger = who->second;
  std::array<int, 2> ends{-1, -1};
  // What is believed may have changed since it began.
  if (!is_still_believed(stranger.ssl.get(), context_))
    return refuse(who, "certificate not believed any more");
  if (links_ >= links_limit_)
    return refuse(who, "comes when there are as many links as there may be");
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
    return refuse(who, "comes when there are no descriptors left");
  unique_fd ours{ends[0]};
  visitor proved{unique_fd{ends[1]}, names_of_peer(stranger.ssl.get()), stranger.from};
  watch(who->first, stranger, 0);
  auto ssl = std::move(stranger.ssl);
  auto network = std::move(stranger.network);
  drop(who);
  add_link(std::move(ssl), std::move(network), std::move(ours), proved.from);
  told_.came(std::move(proved));
}

void tls_front::refuse(entries::iterator who, const std::string& why) {
  auto text = who->second.from + ": " + why;
  drop(who);
  if (told_.refused)
    told_.refused(text);
}

} // namespace moorage
