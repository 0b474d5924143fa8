#include "runtime/ssh/opening/connector.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <utility>

#include "messages/durations.hpp"

namespace moorage {

namespace {

void set_option(int fd, int level, int option, int value) {
  // A kernel that lacks one of them still carries the connection.
  ::setsockopt(fd, level, option, &value, sizeof value);
}

void set_options(int fd, std::chrono::milliseconds silence_max) {
  // Without it every small round trip waits 40 ms for a delayed acknowledgement.
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  if (silence_max.count() > 0)
    set_option(
        fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
        static_cast<int>(std::min<std::int64_t>(silence_max.count(), std::numeric_limits<int>::max())));
}

} // namespace

ssh_failure failure_for(int code) {
  switch (code) {
  case ECONNREFUSED:
    return ssh_failure::refused;
  case ECONNRESET:
  case EPIPE:
  case ECONNABORTED:
    return ssh_failure::reset;
  case ETIMEDOUT:
    return ssh_failure::timed_out;
  case EMFILE:
  case ENFILE:
    return ssh_failure::descriptor_limit;
  default:
    return ssh_failure::unreachable;
  }
}

ssh_error descriptor_limit_error(ssh_stage stage, const std::string& destination, int code) {
  std::string text = destination + ": ";
  rlimit limit{};
  if (code == ENFILE)
    text += "the system has no file descriptor left (fs.file-max); close programs or raise it";
  else if (::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    text += name_of_this_process() + " may open no more files (limit " + std::to_string(limit.rlim_cur) +
            "); raise it (ulimit -n, LimitNOFILE=) or make the pools smaller: a connection takes two";
  return {stage, ssh_failure::descriptor_limit, std::move(text)};
}

connector::connector(std::vector<endpoint> endpoints, std::string destination, time_point deadline,
                     std::chrono::milliseconds silence_max, readiness& loop, std::function<void()> wake,
                     std::string bind_address, bool others_follow)
    : endpoints_(std::move(endpoints)), destination_(std::move(destination)), deadline_(deadline),
      silence_max_(silence_max), loop_(loop), wake_(std::move(wake)), bind_address_(std::move(bind_address)),
      others_follow_(others_follow) {}

/// Starts on the present address. False: it failed at once.
bool connector::begin(time_point now) {
  const auto& to = endpoints_[at_];
  socket_ = unique_fd{::socket(to.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!socket_) {
    failed_with(errno);
    return false;
  }
  set_options(socket_.get(), silence_max_);
  if (!bind_address_.empty() && !bind_to(to))
    return false;
  int done = ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to.address), to.length);
  if (done != 0 && errno != EINPROGRESS && errno != EINTR) {
    failed_with(errno);
    return false;
  }
  watch_ = loop_.add(socket_.get(), wake_);
  if (!watch_ || !watch_.arm(false, true)) {
    failed_with(watch_ ? errno : EMFILE);
    return false;
  }
  auto left = static_cast<std::int64_t>(endpoints_.size() - at_);
  const auto share = (deadline_ - now) / left;
  due_ = left == 1 && !others_follow_ ? deadline_
                                      : now + std::min<time_point::duration>(address_patience, share);
  share_due_ = left == 1 ? time_point::max() : now + share;
  return true;
}

/// The kernel picks the port as it connects, so that one range of them serves each destination.
bool connector::bind_to(const endpoint& to) {
  auto from = numeric_endpoint(bind_address_, 0);
  int code = !from || from->address.ss_family != to.address.ss_family ? EAFNOSUPPORT : 0;
  set_option(socket_.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  if (code == 0 &&
      ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&from->address), from->length) != 0)
    code = errno;
  not_bound_ = code != 0;
  if (not_bound_)
    failed_with(code, "not from bind_address " + bind_address_ + ": ");
  return !not_bound_;
}

void connector::failed_with(int code, const std::string& doing) {
  watch_.end();
  socket_.reset();
  due_ = time_point::max();
  error_ = {ssh_stage::connect, failure_for(code), {}};
  note(doing + std::strerror(code));
  if (error_.kind == ssh_failure::descriptor_limit) {
    error_ = descriptor_limit_error(ssh_stage::connect, destination_, code);
    at_ = endpoints_.size(); // no other address would fare better
    return;
  }
  ++at_;
}

void connector::note(const std::string& what) {
  if (!failures_.empty())
    failures_ += "; ";
  failures_ += endpoints_[at_].text + ": " + what;
  failed_.emplace_back(endpoints_[at_].digits, what);
}

void connector::pass_over(const std::string& what) {
  error_ = {ssh_stage::connect, ssh_failure::timed_out, {}};
  reached_ = ssh_stage::key_exchange;
  note(what);
  due_ = share_due_ = time_point::max();
  ++at_;
}

std::string connector::tried_before() const {
  return failures_.empty() ? "" : "; before it " + failures_;
}

void connector::fail_all() {
  error_.stage = reached_;
  if (error_.kind == ssh_failure::descriptor_limit)
    return;
  const char* advice = "check the network, the firewall and the VPN";
  if (not_bound_)
    advice = "bind_address must be an address of this machine, of the same kind as the host's";
  else if (error_.kind == ssh_failure::refused)
    advice = "no SSH server listens there, or it turns us away; check host and port";
  else if (error_.kind == ssh_failure::timed_out)
    advice = "nothing answers there; check the address, the firewall and the VPN";
  else if (error_.kind == ssh_failure::reset)
    advice = "the server or a firewall turns us away: too many log-ins at once, or a ban; ask the site if it "
             "lasts";
  error_.text = destination_ + ": " + failures_ + "; " + advice;
}

connector::state connector::step(time_point now) {
  for (;;) {
    if (at_ == endpoints_.size()) {
      fail_all();
      return state::failed;
    }
    if (!socket_ && !begin(now))
      continue;
    pollfd ready{socket_.get(), POLLOUT, 0};
    if (::poll(&ready, 1, 0) > 0) {
      int code = 0;
      socklen_t size = sizeof code;
      if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &code, &size) != 0)
        code = errno;
      if (code == 0) {
        watch_.end();
        return state::connected;
      }
      failed_with(code);
    } else if (now >= due_) {
      failed_with(ETIMEDOUT);
    } else {
      watch_.arm(false, true);
      return state::waiting;
    }
  }
}

std::string connector::text() const {
  return peer().text + (failures_.empty() ? "" : " (after " + failures_ + ")");
}

std::string connector::awaited() const {
  return (failures_.empty() ? "" : failures_ + "; ") +
         (at_ < endpoints_.size() ? endpoints_[at_].text + ": no answer yet" : "another address is next");
}

ssh_error connector::overdue(std::chrono::milliseconds patience) const {
  std::string text = destination_ + ": no connection within " + format_duration(patience) + ": ";
  text += failures_.empty() ? "" : failures_ + "; ";
  if (at_ < endpoints_.size())
    text += endpoints_[at_].text + ": no answer; ";
  return {reached_, ssh_failure::timed_out, text + "check the address, the firewall and the VPN"};
}

} // namespace moorage
