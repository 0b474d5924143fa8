// What a front is owed by a deadline, its share of the process, and what a peer that goes does to it.
#include "tests/node/front_world.hpp"

#include <atomic>
#include <csignal>
#include <optional>
#include <thread>

#include <malloc.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/node/frames.hpp"

using namespace node_tests;

namespace {

/// By which nothing ends that is to end sooner for another reason.
constexpr auto long_silence = 90s;

/// Bytes that this process has asked for and not given back; nothing under a sanitizer, which has a heap of
/// its own.
std::size_t on_the_heap() {
  const auto heap = ::mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

/// How many files this process may open, until this ends.
class files_limit {
public:
  explicit files_limit(rlim_t most) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    auto now = before_;
    now.rlim_cur = most;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &now) == 0);
  }
  ~files_limit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  files_limit(const files_limit&) = delete;
  files_limit& operator=(const files_limit&) = delete;

private:
  rlimit before_{};
};

/// As in a host that does not ignore SIGPIPE, which would be killed by each that is counted here.
class pipe_signals {
public:
  pipe_signals() {
    count_ = 0;
    struct sigaction counting {};
    counting.sa_handler = [](int) { ++count_; };
    ::sigaction(SIGPIPE, &counting, &before_);
  }
  ~pipe_signals() { ::sigaction(SIGPIPE, &before_, nullptr); }
  pipe_signals(const pipe_signals&) = delete;
  pipe_signals& operator=(const pipe_signals&) = delete;
  int count() const { return count_; }

private:
  inline static std::atomic<int> count_ = 0;
  struct sigaction before_ {};
};

int bytes_to_read(const moorage::unique_fd& fd) {
  int bytes = 0;
  ::ioctl(fd.get(), FIONREAD, &bytes);
  return bytes;
}

/// Says what a client's TLS would object to as soon as it has spoken, and is gone before it can.
void hang_up_on_one(const moorage::unique_fd& listener) {
  pollfd state{listener.get(), POLLIN, 0};
  ::poll(&state, 1, 20'000);
  moorage::unique_fd peer{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  state.fd = peer.get();
  ::poll(&state, 1, 20'000);
  // With the word comes the end; what the peer has said is not read, so that the close resets the connection.
  constexpr std::string_view empty_hello{"\x16\x03\x03\x00\x04\x02\x00\x00\x00", 9};
  ::send(peer.get(), empty_hello.data(), empty_hello.size(), MSG_MORE | MSG_NOSIGNAL);
  ::shutdown(peer.get(), SHUT_WR);
}

} // namespace

TEST_CASE("a link that says nothing, half a greeting, or a byte now and then, is cut by a deadline") {
  tried_front world{long_silence};
  world.clients = std::make_shared<moorage::tls_front>(long_silence);
  world.word = std::string(moorage::link_greeting_size, '.'); // or the clients' front would cut it, too
  auto greets = world.dial(), silent = world.dial(), half = world.dial(), drips = world.dial();
  REQUIRE(greets);
  REQUIRE(silent);
  REQUIRE(half);
  REQUIRE(drips);
  say(*greets, client_greeting(1));
  say(*half, client_greeting(2).substr(0, 40));
  std::jthread dripping{[&drips](const std::stop_token& stop) {
    for (auto byte : client_greeting(3))
      if (stop.stop_requested() || ::send(drips->get(), &byte, 1, MSG_NOSIGNAL) != 1 ||
          ended_within(*drips, 500ms))
        return;
  }};
  CHECK(ends(*silent));
  CHECK(ends(*half));
  CHECK(ends(*drips));
  CHECK(eventually([&] { return world.front.count().links == 1; }));
  CHECK(world.refusals() == std::vector<std::string>(3, "127.0.0.1: did not greet as a client does"));
  CHECK_FALSE(ended_within(*greets, 0ms));
}

TEST_CASE(
    "strangers and links take a quarter each of what a process may open, and the rest is left to others") {
  constexpr rlim_t most = 120;
  std::optional<files_limit> few{most};
  tried_front world;
  few.reset(); // the test itself has the other ends open
  auto before = open_descriptors();
  std::vector<moorage::unique_fd> crowd;
  for (rlim_t i = 0; i < most / 2; ++i)
    crowd.push_back(world.stranger());
  CHECK(ends(crowd.front()));
  CHECK(eventually([&] { return world.front.count().strangers == most / 4; }));
  // Among them others get in, as many as may.
  std::vector<moorage::unique_fd> links;
  for (rlim_t i = 0; i < most / 12; ++i)
    links.push_back(world.dial().value());
  CHECK_FALSE(world.dial());
  CHECK(eventually([&] {
    return world.last_refusal() == "127.0.0.1: comes when there are as many links as there may be";
  }));
  constexpr std::size_t ends_of_link = 3;
  auto of_test = crowd.size() + ends_of_link * links.size();
  CHECK(eventually([&] { return open_descriptors() - before - of_test <= most / 2; }));
  CHECK(world.front.count().links == links.size());
  links.pop_back();
  CHECK(eventually([&] { return world.front.count().links == links.size(); }));
  CHECK(world.dial());
}

TEST_CASE("where a process has no descriptor left who comes over TLS waits, which takes no processor time") {
  tried_front world;
  moorage::unique_fd waits{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_storage to{};
  {
    auto first = world.stranger();
    REQUIRE(eventually([&] { return world.front.count().strangers == 1; }));
    socklen_t size = sizeof(to);
    ::getpeername(first.get(), reinterpret_cast<sockaddr*>(&to), &size);
  }
  REQUIRE(eventually([&] { return world.front.count().strangers == 0; }));
  auto next = ::dup(waits.get());
  ::close(next);
  std::optional<files_limit> none{static_cast<rlim_t>(next)};
  REQUIRE(::connect(waits.get(), reinterpret_cast<sockaddr*>(&to), sizeof(sockaddr_in)) == 0);
  auto before = processor_time();
  let_pass(2s);
  CHECK(processor_time() - before < 500ms);
  CHECK(world.front.count().strangers == 0);
  none.reset();
  CHECK(eventually([&] { return world.front.count().strangers == 1; }));
  CHECK(world.dial());
}

TEST_CASE("a host that does not ignore SIGPIPE lives when the peer of a link goes in the middle of a write") {
  tried_front world;
  half_handshake peer{world};
  REQUIRE(peer.finish());
  REQUIRE(eventually([&] { return world.front.count().links == 1; }));
  auto theirs = world.last_visitor();
  while (SSL_has_pending(peer.ssl.get()) != 0) { // what is not read would turn the end into another one
    std::array<char, 16> rest{};
    SSL_read(peer.ssl.get(), rest.data(), static_cast<int>(rest.size()));
  }
  // CAF does not read. Once its socket is full the front reads no more either, and does not hear the end.
  std::string record(16 << 10, 'x');
  int said = 0;
  do {
    REQUIRE(SSL_write(peer.ssl.get(), record.data(), static_cast<int>(record.size())) == std::ssize(record));
    said += static_cast<int>(record.size());
  } while (eventually([&] { return bytes_to_read(theirs) == said; }, 1s));
  pipe_signals signals;
  peer.network.reset();
  // What is written then is answered by a reset, and after that there is nobody to write to.
  CHECK(eventually([&] {
    ::send(theirs.get(), "!", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    return world.front.count().links == 0;
  }));
  CHECK(signals.count() == 0);
}

TEST_CASE("a host that does not ignore SIGPIPE lives when what it dials hangs up on it") {
  tried_files files;
  auto listener = moorage::listen_on("127.0.0.1:0").value();
  auto address = moorage::address_of_listening(listener.get());
  auto front = moorage::front_of_process();
  pipe_signals signals;
  for (int i = 0; i < 50; ++i) {
    std::jthread hanging_up{[&listener] { hang_up_on_one(listener); }};
    auto refused =
        moorage::dial_tls(*front, address, files.of_client, std::chrono::steady_clock::now() + 20s, {});
    REQUIRE_FALSE(refused);
    REQUIRE(refused.error().code == moorage::errc::node_lost);
  }
  CHECK(signals.count() == 0);
  // What the thread did with the signal before is as it was.
  sigset_t blocked;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  CHECK(sigismember(&blocked, SIGPIPE) == 0);
}

TEST_CASE("who asks for new keys without end and does not read takes bounded memory, and delays nobody") {
  const int little = 4'096; // so that few answers fill what is on the way
  tried_front world{moorage::tls_silence_max, little};
  half_handshake peer{world};
  ::setsockopt(peer.network.get(), SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
  ::setsockopt(peer.network.get(), SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
  REQUIRE(peer.finish());
  const auto before = on_the_heap();
  bool waits = false;
  for (int asked = 0; asked < 500'000 && !waits; ++asked) {
    REQUIRE(SSL_key_update(peer.ssl.get(), SSL_KEY_UPDATE_REQUESTED) == 1);
    while (!waits && SSL_do_handshake(peer.ssl.get()) != 1) {
      pollfd state{peer.network.get(), POLLOUT, 0};
      waits = ::poll(&state, 1, 2'000) == 0; // it does not take more before its answers are read
    }
  }
  CHECK(waits);
  CHECK(on_the_heap() < before + (4u << 20));
  const auto spent = processor_time();
  let_pass(500ms);
  CHECK(processor_time() - spent < 250ms); // nor turns in a circle
  CHECK(world.dial());
}

TEST_CASE("who sends new keys, or records of one byte, without end delays nobody") {
  tried_front world;
  half_handshake peer{world};
  REQUIRE(peer.finish());
  const bool keys = GENERATE(true, false);
  CAPTURE(keys);
  std::atomic<bool> over{false};
  std::thread floods{[&] {
    const char byte = 'x';
    while (!over) {
      const auto said = keys ? SSL_key_update(peer.ssl.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1
                                   ? SSL_do_handshake(peer.ssl.get())
                                   : -1
                             : SSL_write(peer.ssl.get(), &byte, 1);
      pollfd state{peer.network.get(), POLLOUT, 0};
      if (said != 1)
        ::poll(&state, 1, 10);
    }
  }};
  moorage::unique_fd flooded = world.last_visitor();
  std::thread reads{[&] {
    std::array<char, 4096> room{};
    while (!over) {
      pollfd state{flooded.get(), POLLIN, 0};
      if (::poll(&state, 1, 10) > 0)
        (void)!::recv(flooded.get(), room.data(), room.size(), MSG_DONTWAIT);
    }
  }};
  int done = 0;
  for (const auto begin = std::chrono::steady_clock::now(); std::chrono::steady_clock::now() - begin < 3s;)
    done += world.dial() ? 1 : 0;
  over = true;
  floods.join();
  reads.join();
  CHECK(done >= 5);
}
