// What a server says to people while it lets them in: its banners (RFC 4252, section 5.4).
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include <string>

namespace moorage {

/// Kept of all that one log-in is told, in bytes. A site's legal notice has some two thousand; OpenSSH's own
/// tests send 100,000, and libssh takes no packet of more than 256 KiB.
constexpr std::size_t banner_max = 128u << 10;
/// And of it in an error.
constexpr std::size_t quoted_max = 16u << 10;

/// Gathers every banner of one session. libssh keeps the last one only, and two may come in one read: it says
/// in a line of its log when one comes, and what it had can be taken before it is thrown away.
class banner_collector {
public:
  explicit banner_collector(ssh_session session) : session_(session) {}
  banner_collector(const banner_collector&) = delete;
  banner_collector& operator=(const banner_collector&) = delete;

  /// While one lives, the calling thread's libssh log is heard; then it is as it was before.
  class listening {
  public:
    explicit listening(banner_collector& to);
    ~listening();
    listening(const listening&) = delete;
    listening& operator=(const listening&) = delete;

  private:
    banner_collector& to_;
    int level_;
    ssh_logging_callback callback_;
    void* userdata_;
  };

  /// Fit to be printed, with its lines; without the last one's end. Cut at `banner_max`.
  std::string text() const;
  /// "; the server says \"…\"", for the end of an error; empty when it said nothing. Cut at `quoted_max`.
  std::string quoted() const;

private:
  static void on_line(int, const char* function, const char*, void* self);
  void take();
  std::string shown(std::size_t length_max) const;

  ssh_session session_;
  std::string heard_;    ///< as they came, each ended by a line's end
  bool another_ = false; ///< libssh has one that was not taken
};

} // namespace moorage
