#include "runtime/node/link_filter.hpp"

#include <caf/atom.hpp>
#include <caf/io/basp/header.hpp>
#include <caf/io/basp/message_type.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include "messages/type_ids.hpp"

namespace moorage {

namespace {

using caf::io::basp::message_type;

constexpr std::size_t header_size = caf::io::basp::header_size;
static_assert(header_size == 32);
/// Where a header says how long the payload is, in network order.
constexpr std::size_t payload_size_place = 4;
/// How a node id begins: which kind it is. CAF's other kind, and its "none", are of no use to a link.
constexpr std::size_t kind_size = 8;
constexpr std::string_view no_node{"\0\0\0\0\0\0\0\0", kind_size};
/// A client greets when it connects, and once more when the server has greeted.
constexpr unsigned greetings_max = 2;

/// CAF's own types that may stand in a message. Those that are missing name an actor, carry other messages,
/// or set aside as much as they announce, or are CAF's own business within a process.
constexpr std::array plain_types{
    std::string_view{"@atom"},   std::string_view{"@duration"}, std::string_view{"@i16"},
    std::string_view{"@i32"},    std::string_view{"@i64"},      std::string_view{"@i8"},
    std::string_view{"@str"},    std::string_view{"@strmap"},   std::string_view{"@strset"},
    std::string_view{"@strvec"}, std::string_view{"@timespan"}, std::string_view{"@timestamp"},
    std::string_view{"@u16"},    std::string_view{"@u32"},      std::string_view{"@u64"},
    std::string_view{"@u8"},     std::string_view{"@unit"},     std::string_view{"bool"},
    std::string_view{"double"},  std::string_view{"float"}};

#define MOORAGE_NAME(type) std::string_view{"moorage::" #type},
// In the order in which they stand there; a link that is busy sends those at the front.
constexpr std::array said_types{MOORAGE_SAID_BY_OUTSIDERS(MOORAGE_NAME)};
constexpr std::array heard_types{MOORAGE_HEARD_BY_OUTSIDERS(MOORAGE_NAME)};
#undef MOORAGE_NAME

template <class Names>
bool is_in(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

} // namespace

/// Reads CAF's encoding from the front of some bytes. What is not there makes it fail, once and for all.
class link_cursor {
public:
  explicit link_cursor(std::string_view bytes) : rest_(bytes) {}

  bool failed() const { return failed_; }
  std::string_view rest() const { return rest_; }

  std::string_view bytes(std::size_t size) {
    if (failed_ || size > rest_.size()) {
      failed_ = true;
      return {};
    }
    auto result = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return result;
  }
  std::uint64_t number(std::size_t size) {
    std::uint64_t result = 0;
    for (auto each : bytes(size))
      result = result << 8 | static_cast<std::uint8_t>(each);
    return result;
  }
  /// The size of a sequence: seven bits a byte, the lowest first.
  std::size_t size() {
    std::size_t result = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
      auto next = number(1);
      result |= static_cast<std::size_t>(next & 0x7f) << shift;
      if ((next & 0x80) == 0)
        return result;
    }
    failed_ = true;
    return 0;
  }
  std::string_view text() { return bytes(size()); }

private:
  std::string_view rest_;
  bool failed_ = false;
};

namespace {

/// A node id of the kind of `ours`, or none at all.
std::string_view read_node(link_cursor& from, std::string_view ours) {
  auto rest = from.rest();
  if (rest.starts_with(no_node))
    return from.bytes(kind_size);
  return from.bytes(rest.starts_with(ours.substr(0, kind_size)) ? ours.size() : rest.size() + 1);
}

/// The names of a message's types, such as "@<>+@atom+moorage::acquire". False: it is no such list.
bool split_types(std::string_view list, std::vector<std::string_view>& names) {
  constexpr std::string_view begin = "@<>";
  if (!list.starts_with(begin))
    return false;
  for (list.remove_prefix(begin.size()); !list.empty();) {
    if (list.front() != '+')
      return false;
    list.remove_prefix(1);
    auto end = std::min(list.find('+'), list.size());
    names.push_back(list.substr(0, end));
    list.remove_prefix(end);
  }
  return true;
}

/// Reads the types of a message, and says what is wrong with them; empty: nothing.
std::string read_types(link_cursor& from, std::vector<std::string_view>& names) {
  auto kind = from.number(2);
  auto list = from.text();
  if (from.failed())
    return "does not say of what types its message is";
  if (kind != 0 || !split_types(list, names))
    return "sent a message of no types";
  return {};
}

std::string unfit(std::string_view name) {
  return "sent a message with a " + std::string{name.substr(0, 64)} + ", which no message on a link has";
}

} // namespace

link_filter::link_filter(peer from, std::string our_node, std::size_t message_max,
                         std::vector<std::string> more_types)
    : from_(from), our_node_(std::move(our_node)), message_max_(message_max),
      more_types_(std::move(more_types)), needed_(header_size) {}

bool link_filter::may_come(std::string_view type) const {
  return is_in(plain_types, type) ||
         (from_ == peer::client ? is_in(said_types, type) : is_in(heard_types, type)) ||
         is_in(more_types_, type);
}

/// An error, whose context is a message of its own. None of its parts may hold an error or a message again.
std::string link_filter::check_error(link_cursor& from) const {
  from.bytes(1 + 8); // code and category
  std::vector<std::string_view> names;
  if (auto wrong = read_types(from, names); !wrong.empty())
    return wrong;
  for (auto name : names)
    if (!may_come(name))
      return unfit(name);
  return {};
}

bool link_filter::refuse(std::string why) {
  refusal_ = std::move(why);
  held_ = {};
  return false;
}

bool link_filter::take(std::string_view bytes, std::vector<char>& out) {
  while (refusal_.empty() && !bytes.empty()) {
    auto size = std::min(passing_ > 0 ? passing_ : needed_ - held_.size(), bytes.size());
    auto next = bytes.substr(0, size);
    bytes.remove_prefix(size);
    if (passing_ > 0) {
      if (!dropping_)
        out.insert(out.end(), next.begin(), next.end());
      passing_ -= size;
      continue;
    }
    held_.append(next);
    if (held_.size() == needed_)
      look(out);
  }
  return refusal_.empty();
}

/// Looks at a whole header, or at a header with the payload's beginning; what is well passes.
void link_filter::look(std::vector<char>& out) {
  std::string_view held = held_;
  auto seen = held.size() - header_size;
  auto announced = link_cursor{held.substr(payload_size_place)}.number(4);
  if (seen == 0)
    ++frames_;
  if (seen == 0 && !check_header(announced))
    return;
  constexpr std::size_t flags_place = 3;
  dropping_ = static_cast<message_type>(held[0]) == message_type::direct_message &&
              (held[flags_place] & caf::io::basp::header::named_receiver_flag) != 0;
  if (seen == 0 && announced > 0 && !dropping_) {
    needed_ += std::min<std::size_t>(announced, inspected_max);
    return;
  }
  if (seen > 0 && !check_payload(held.substr(header_size)))
    return;
  if (!dropping_)
    out.insert(out.end(), held.begin(), held.end());
  passing_ = announced - seen;
  held_.clear();
  needed_ = header_size;
}

bool link_filter::check_header(std::size_t announced) {
  auto operation = static_cast<message_type>(held_[0]);
  auto is_handshake =
      operation == (from_ == peer::client ? message_type::client_handshake : message_type::server_handshake);
  if (!greeted() && !is_handshake)
    return refuse("did not begin with a handshake");
  switch (operation) {
  case message_type::server_handshake:
  case message_type::client_handshake:
    if (!is_handshake)
      return refuse("greeted as if it were the other end");
    if (greetings_ == (from_ == peer::client ? greetings_max : 1))
      return refuse("greeted over and over");
    break;
  case message_type::routed_message:
    return refuse("sent a message for another process, which a link does not pass on");
  case message_type::heartbeat:
    return announced == 0 || refuse("sent a heartbeat with a payload");
  case message_type::direct_message:
  case message_type::monitor_message:
  case message_type::down_message:
    break;
  default:
    return refuse("sent a frame of an unknown kind");
  }
  constexpr std::size_t target_place = 24, flags_place = 3;
  auto by_name = (held_[flags_place] & caf::io::basp::header::named_receiver_flag) != 0;
  auto for_an_actor =
      operation == message_type::monitor_message || (operation == message_type::direct_message && !by_name);
  auto target = link_cursor{std::string_view{held_}.substr(target_place)}.number(8);
  if (for_an_actor && our_actor_ != 0 && target != our_actor_)
    return refuse("sent a message for an actor that its link was not given");
  if (announced == 0)
    return refuse("sent a frame without the payload that its kind must have");
  auto most = is_handshake ? handshake_max : message_max_;
  return announced <= most || refuse("announced " + std::to_string(announced) + " bytes where at most " +
                                     std::to_string(most) + " are taken");
}

bool link_filter::check_payload(std::string_view payload) {
  switch (static_cast<message_type>(held_[0])) {
  case message_type::server_handshake:
  case message_type::client_handshake:
    return check_greeting(payload);
  case message_type::direct_message:
    return check_message(payload);
  default:
    break;
  }
  link_cursor from{payload};
  auto source = read_node(from, our_node_);
  auto target = read_node(from, our_node_);
  if (from.failed() || source != peer_node_ || target != our_node_)
    return refuse("spoke of an actor in the name of, or to, another process");
  if (static_cast<message_type>(held_[0]) == message_type::monitor_message)
    return from.rest().empty() || refuse("sent more than a monitor's payload");
  auto wrong = check_error(from);
  return wrong.empty() || refuse(std::move(wrong));
}

bool link_filter::check_greeting(std::string_view payload) {
  link_cursor from{payload};
  auto node = read_node(from, our_node_);
  if (from.failed() || node.size() != node_size)
    return refuse("did not say who it is");
  if (from_ == peer::client && !from.rest().empty())
    return refuse("sent more than a client's greeting");
  if (greeted() && node != peer_node_)
    return refuse("became somebody else");
  // A server may be ourselves, of which CAF takes care; a client's greeting in our name it would believe.
  if (from_ == peer::client && node == our_node_)
    return refuse("gave our identity for its own");
  peer_node_ = node;
  ++greetings_;
  return true;
}

bool link_filter::check_message(std::string_view payload) {
  link_cursor from{payload};
  if (from.number(1) != 0)
    return refuse("sent a message with further receivers");
  std::vector<std::string_view> names;
  auto wrong = read_types(from, names);
  for (auto name : names)
    if (wrong.empty() && !may_come(name))
      wrong = names.size() == 1 && name == "@error" ? check_error(from) : unfit(name);
  return wrong.empty() || refuse(std::move(wrong));
}

} // namespace moorage
