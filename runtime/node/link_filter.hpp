// What a peer sends over a link, looked at before CAF's parser sees it: bytes go in; the bytes that may pass
// come out, or the verdict that the link must end. A value type without a socket, a clock or an actor, so
// that it can be tried with any bytes, and stand in front of CAF wherever a link comes from.
//
// It knows the frames of CAF 0.17's protocol (caf/io/basp/header.hpp): a header of 32 bytes, and a payload of
// the size that the header announces. It stops what CAF's parser cannot take, each seen to end a process, or
// to hang it:
//  - a handshake without payload, of which a null pointer is read;
//  - a payload that announces gigabytes, which are set aside for it at once: a few KiB until the handshake is over,
//    `node_message_max` after it;
//  - a message in a message in a message, or such errors, for which the stack does not suffice, and types that set
//    memory aside for as many bytes as they announce;
//  - types that are not for links: what outsiders say may come from a client, what they hear from a server
//    (messages/type_ids.hpp), and nothing that names an actor, since that is a power, and CAF takes an order to link for
//    one of another process.
//  - messages for any actor but the one that the link was given.
// And what would make the parser mix up its peers: anything before the handshake, a second identity or ours,
// monitors and ends of actors in somebody else's name, frames that are to be passed on to third processes.
// What is sent to CAF's own actors, by their names, it drops: CAF says a word to each peer's when it greets,
// and needs no answer.
//
// What it looks at is held back until it has been seen: a header, a handshake, the first `inspected_max`
// bytes of a message. The rest of a message passes as it comes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace moorage {

class link_cursor;

class link_filter {
public:
  /// Who is at the other end: each is expected to greet in its own way.
  enum class peer : std::uint8_t { client, server };

  /// The largest handshake. A client's has 32 bytes; a server's names its interface, in 2 KiB for a node's.
  static constexpr std::size_t handshake_max = 8 << 10;
  /// How much of a message is held back until it has been looked at: its types are told at its beginning.
  static constexpr std::size_t inspected_max = 8 << 10;
  /// CAF's default node id in its own encoding.
  static constexpr std::size_t node_size = 32;

  /// `our_node` is our own node id as CAF writes it, `node_size` bytes. `message_max`: bytes, for one
  /// message. `more_types`: names of types that may come besides.
  link_filter(peer from, std::string our_node, std::size_t message_max,
              std::vector<std::string> more_types = {});

  /// The one actor of ours that messages may be for, and whose end may be asked for, by its id: ids are small
  /// numbers, and CAF delivers to whichever is guessed. 0 [the default]: any.
  void only_for(std::uint64_t actor) { our_actor_ = actor; }

  /// Takes the next bytes, whatever their number, and appends to `out` those that may pass. False: the link
  /// must end, `refusal` says why, and nothing passes any more.
  [[nodiscard]] bool take(std::string_view bytes, std::vector<char>& out);

  /// The peer's identity, as CAF writes it; empty until it has greeted.
  const std::string& peer_node() const { return peer_node_; }
  /// How many frames have begun.
  std::uint64_t frames() const { return frames_; }
  /// The peer's handshake has passed.
  bool greeted() const { return greetings_ > 0; }
  /// What the peer did, as the end of "the peer …". Empty: nothing wrong so far.
  const std::string& refusal() const { return refusal_; }

private:
  bool refuse(std::string why);
  bool may_come(std::string_view type) const;
  std::string check_error(link_cursor& from) const;
  void look(std::vector<char>& out);
  bool check_header(std::size_t announced);
  bool check_payload(std::string_view payload);
  bool check_greeting(std::string_view payload);
  bool check_message(std::string_view payload);

  peer from_;
  std::string our_node_;
  std::size_t message_max_;
  std::vector<std::string> more_types_;
  std::uint64_t our_actor_ = 0;
  std::string peer_node_; ///< empty until it has greeted
  unsigned greetings_ = 0;
  std::uint64_t frames_ = 0;
  std::string held_;        ///< of the present frame: what has not passed yet
  std::size_t needed_;      ///< how much is held before it is looked at
  std::size_t passing_ = 0; ///< what passes of the present frame without a look
  bool dropping_ = false;   ///< and that it does not pass at all
  std::string refusal_;
};

} // namespace moorage
