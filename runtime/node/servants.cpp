#include "runtime/node/servants.hpp"

#include "runtime/node/network.hpp"
#include "runtime/node/socket.hpp"

#include <caf/actor_system.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/io/abstract_broker.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/make_counted.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <set>
#include <string_view>
#include <sys/socket.h>
#include <utility>

namespace moorage {

namespace {

using caf::io::network::operation;

/// Connections accepted in one go, so that a storm of clients does not keep the others waiting.
constexpr int accepted_max = 32;

/// Clients that are connected and have not greeted.
constexpr std::size_t greeting_max = 128;

/// How much is read at once: as much as a message still lacks, between these.
constexpr std::size_t piece_min = 4 << 10;
constexpr std::size_t piece_max = 64 << 10;

/// A buffer that keeps more than this when it is not in use gives it back.
constexpr std::size_t kept_max = 256 << 10;

void give_back(std::vector<char>& buffer) {
  if (buffer.capacity() > kept_max)
    std::vector<char>{}.swap(buffer);
}

template <class T>
T setting_of(caf::actor_system& system, std::string_view name, T usual) {
  return caf::get_or(system.config(), caf::string_view{name.data(), name.size()}, std::move(usual));
}

/// Our node id as CAF writes it.
std::string encoded_node(caf::actor_system& system) {
  std::vector<char> bytes;
  caf::binary_serializer sink{system, bytes};
  if (sink(system.node()))
    bytes.clear();
  return {bytes.begin(), bytes.end()};
}

/// For each node that greets CAF makes an actor that asks it what can be spawned there. It waits five minutes
/// for the answer, which no link lets in, and is kept after its end for as long as the broker lives: 1.6 kB
/// for each process that was ever linked. Nothing of CAF's looks at it again, so it ends with its link.
void forget_node(caf::io::abstract_broker* broker, const std::string& node) {
  caf::node_id id;
  caf::binary_deserializer source{broker->system(), node.data(), node.size()};
  if (node.empty() || source(id))
    return;
  auto& servers = static_cast<caf::io::basp_broker*>(broker)->spawn_servers;
  auto found = servers.find(id);
  if (found == servers.end())
    return;
  caf::anon_send_exit(found->second, caf::exit_reason::kill);
  servers.erase(found);
}

/// The peer's identity among those that are linked to this system, for as long as the result lives. None: it
/// is taken. Of two peers with one identity (containers may have the same) CAF would send the answers of both
/// to either.
std::shared_ptr<void> take_identity(const void* system, const std::string& node) {
  // edge: each system has a network thread of its own.
  static std::mutex mutex;
  static std::set<std::pair<const void*, std::string>> taken;
  std::lock_guard guard{mutex};
  auto [place, fresh] = taken.emplace(system, node);
  if (!fresh)
    return nullptr;
  return {const_cast<std::string*>(&place->second), [key = *place](void*) {
            std::lock_guard again{mutex};
            taken.erase(key);
          }};
}

/// Larger than any descriptor, which is what CAF uses for handles of its own.
/// edge: host threads that connect and CAF's network thread both number connections.
std::atomic<std::int64_t> last_handle{std::int64_t{1} << 32};

std::int64_t next_handle() {
  return ++last_handle;
}

bool is_shut_down(int fd) {
  pollfd state{fd, 0, 0};
  return ::poll(&state, 1, 0) == 1 && (state.revents & POLLHUP) != 0;
}

/// Holds a servant until the event loop has done with the events of this turn, which point to it; then breaks
/// the ring between servant and event handler that CAF leaves standing if it was closed in the turn in which
/// it was opened. The destructor does it, since a multiplexer that stops destroys what is posted without
/// running it.
template <class Servant>
class parting {
public:
  explicit parting(Servant* servant) : servant_(servant) {}
  parting(parting&&) noexcept = default;
  ~parting() {
    if (servant_)
      servant_->released();
  }
  void operator()() {}

private:
  caf::intrusive_ptr<Servant> servant_;
};

} // namespace

// -- node_scribe
// ------------------------------------------------------------------------------------------------------

node_scribe::node_scribe(caf::io::network::default_multiplexer& multiplexer, unique_fd fd,
                         link_filter::peer from, std::function<void()> ended)
    : scribe(caf::io::connection_handle::from_int(next_handle())), stream_(multiplexer, fd.release()),
      filter_(from, encoded_node(multiplexer.system()), node_message_max,
              setting_of(multiplexer.system(), node_more_types, std::vector<std::string>{})),
      greeting_(std::make_shared<greeting_state>()), ended_(std::move(ended)), from_(from),
      allowance_(from == link_filter::peer::client
                     ? setting_of(multiplexer.system(), node_messages_a_second, link_messages_a_second)
                     : 0) {
  greeting_->fd = stream_.fd();
  if (from == link_filter::peer::client) // the other way round both ends could wait for each other
    stream_.when_taken([this] { unread_less(); });
}

node_scribe::~node_scribe() {
  tell_end(); // of one that the broker never had
}

void node_scribe::tell_end() {
  if (auto tell = std::exchange(ended_, {}))
    tell();
}

void node_scribe::configure_read(caf::io::receive_policy::config config) {
  wanted_ = config.second; // the broker asks for exact sizes only
  if (!std::exchange(launched_, true)) {
    stream_.configure_read(caf::io::receive_policy::at_most(piece_min));
    stream_.start(this);
  }
}

bool node_scribe::consume(caf::execution_unit* context, const void* bytes, std::size_t size) {
  if (!greeting_->refusal.empty())
    return true; // it is ended already
  auto well = filter_.take({static_cast<const char*>(bytes), size}, passed_);
  greeting_->over = filter_.greeted();
  if (from_ == link_filter::peer::client && filter_.greeted() && !identity_) {
    identity_ = take_identity(&stream_.backend(), filter_.peer_node());
    if (!identity_) {
      passed_.clear();
      refuse("gave the identity of a process that is linked already");
      return true;
    }
  }
  if (!deliver(context))
    return false;
  if (!well)
    refuse(filter_.refusal());
  look_at_pace();
  auto missing = wanted_ - std::min(wanted_, passed_.size());
  stream_.configure_read(caf::io::receive_policy::at_most(std::clamp(missing, piece_min, piece_max)));
  return true;
}

void node_scribe::refuse(const std::string& why) {
  greeting_->refusal = why;
  ::shutdown(stream_.fd(), SHUT_RDWR); // the broker learns of it by the next read
}

/// Gives the broker what it asked for, as often as that is there. False: it is not to be given more.
bool node_scribe::deliver(caf::execution_unit* context) {
  while (passed_.size() - delivered_ >= wanted_) {
    if (delivered_ == 0 && passed_.size() == wanted_) {
      frame_.swap(passed_);
      passed_.clear();
    } else {
      auto first = passed_.begin() + static_cast<std::ptrdiff_t>(delivered_);
      frame_.assign(first, first + static_cast<std::ptrdiff_t>(wanted_));
      delivered_ += wanted_;
    }
    if (!scribe::consume(context, frame_.data(), frame_.size()) || detached())
      return false;
  }
  passed_.erase(passed_.begin(), passed_.begin() + static_cast<std::ptrdiff_t>(delivered_));
  delivered_ = 0;
  give_back(frame_);
  if (passed_.empty())
    give_back(passed_);
  return true;
}

void node_scribe::released() {
  stream_.removed_from_loop(operation::read);
  stream_.removed_from_loop(operation::write);
}

void node_scribe::detach_from(caf::io::abstract_broker* broker) {
  parting<node_scribe> keep{this};
  greeting_->fd = -1;
  tell_end();
  forget_node(broker, filter_.peer_node());
  identity_.reset();
  scribe::detach_from(broker);
  stream_.finish();
  stream_.backend().post(std::move(keep));
}

std::shared_ptr<greeting_state> offer_link(caf::io::network::default_multiplexer& multiplexer,
                                           const caf::actor& broker, unique_fd fd, caf::strong_actor_ptr whom,
                                           const node_service& what) {
  auto scribe = caf::make_counted<node_scribe>(multiplexer, std::move(fd), link_filter::peer::client,
                                               [whom, closed = what.closed] {
                                                 if (closed)
                                                   closed(whom);
                                               });
  auto greeting = scribe->greeting();
  scribe->only_for(whom->id());
  // The broker greets in the name of what is published under the number, and from then on knows it by its id.
  auto address = caf::actor_cast<caf::actor_addr>(whom);
  caf::anon_send(broker, caf::publish_atom_v, caf::io::scribe_ptr{std::move(scribe)}, connections_port,
                 std::move(whom), what.interface);
  caf::anon_send(broker, caf::unpublish_atom_v, std::move(address), connections_port);
  return greeting;
}

// -- node_doorman
// -----------------------------------------------------------------------------------------------------

node_doorman::node_doorman(caf::io::network::default_multiplexer& multiplexer, unique_fd fd,
                           std::uint16_t port, node_service what, std::shared_ptr<borrowed_socket> borrowed)
    : doorman(caf::io::accept_handle::from_int(next_handle())), port_(port), what_(std::move(what)),
      borrowed_(std::move(borrowed)), listener_(multiplexer, fd.release(), *this) {}

void node_doorman::detach_from(caf::io::abstract_broker* broker) {
  parting<node_doorman> keep{this};
  doorman::detach_from(broker);
  if (!borrowed_)
    ::shutdown(listener_.fd(), SHUT_RDWR);
  listener_.backend().post(std::move(keep));
}

void node_doorman::accepted(unique_fd fd) {
  auto from = peer_of(fd.get());
  auto others = !is_trusted(from);
  if (detached() || (others && !what_.open_other))
    return;
  // Whom a change of the rules could not cut does not get in.
  auto cutting = others ? std::make_shared<unique_fd>(second_of(fd.get())) : nullptr;
  if (cutting && !*cutting)
    return;
  auto whom =
      others ? what_.open_other({from.uid, groups_of(fd.get()), in_words(from)}) : what_.open(in_words(from));
  if (!whom)
    return;
  make_room_for_one();
  greeting_.push_back(
      offer_link(listener_.backend(), caf::actor_cast<caf::actor>(parent()), std::move(fd), whom, what_));
  greeting_.back()->others = others;
  if (others && what_.begun)
    what_.begun(whom, [cutting] { ::shutdown(cutting->get(), SHUT_RDWR); });
}

/// A client greets within a moment. Those that never do would hold a descriptor each, for ever.
void node_doorman::make_room_for_one() {
  if (greeting_.size() < greeting_max)
    return;
  std::erase_if(greeting_, [](auto& each) { return each->over || each->fd < 0; });
  if (greeting_.size() < greeting_max)
    return;
  // Other users' before our own.
  auto last = std::find_if(greeting_.begin(), greeting_.end(), [](auto& each) { return each->others; });
  if (last == greeting_.end())
    last = greeting_.begin();
  ::shutdown((*last)->fd, SHUT_RDWR);
  greeting_.erase(last);
}

void node_doorman::ended() {
  remove_from_loop();
  // The broker forgets the published actor and this doorman together, under its port.
  if (!detached())
    caf::anon_send(caf::actor_cast<caf::actor>(parent()), caf::close_atom_v, port_);
}

node_doorman::listener::listener(caf::io::network::default_multiplexer& multiplexer, int fd,
                                 node_doorman& owner)
    : event_handler(multiplexer, fd), owner_(owner), spare_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {}

void node_doorman::listener::start() {
  if (!kept_) {
    kept_.reset(&owner_);
    activate();
  }
}

void node_doorman::listener::removed_from_loop(operation op) {
  if (op == operation::read)
    kept_.reset(); // may be the last reference: nothing may follow
}

void node_doorman::listener::handle_event(operation op) {
  if (op == operation::propagate_error)
    return owner_.ended();
  for (int i = 0; op == operation::read && i < accepted_max; ++i) {
    // Who connects now is left in the queue, for whoever serves there next.
    if (owner_.borrowed_ && !owner_.borrowed_->wanted)
      return owner_.ended();
    unique_fd fd{::accept4(event_handler::fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (fd) {
      owner_.accepted(std::move(fd));
      continue;
    }
    switch (errno) {
    case EAGAIN:
      // So says Linux of a socket that was shut down, too; the event loop would be called for it again and
      // again.
      if (is_shut_down(event_handler::fd()))
        owner_.ended();
      return;
    case EINTR:
    case ECONNABORTED:
      continue;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return turn_away();
    default:
      return owner_.ended();
    }
  }
}

void node_doorman::listener::turn_away() {
  spare_.reset();
  unique_fd{::accept4(fd(), nullptr, nullptr, SOCK_CLOEXEC)}.reset();
  spare_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  // Somebody else in the process took the descriptor: without a pause, the event loop would spin until one is
  // free.
  if (!spare_)
    ::poll(nullptr, 0, 10);
}

} // namespace moorage
