// A network of a test's own, with a site's firewall in front of its sshd and a name service that the test
// answers for.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "runtime/system/descriptors.hpp"
#include "tests/support/scratch_folder.hpp"

namespace moorage::support {

/// A network namespace for this thread and all that it starts from now on, threads and processes, until this
/// object goes: loopback only, where every port is free and nobody else is heard. It takes the rights to make
/// one, as root has them; where it cannot be made nothing is changed, and `why_not` says so.
class own_network {
public:
  own_network();
  ~own_network();
  own_network(const own_network&) = delete;
  own_network& operator=(const own_network&) = delete;

  explicit operator bool() const { return why_not_.empty(); }
  const std::string& why_not() const { return why_not_; }

  /// A site that bans: whoever at 127.0.0.1 asks for connections to `port` faster than a bucket of `burst`
  /// that is filled with `a_minute` allows has all that it sends dropped for a minute. False: nft says no.
  bool ban(std::uint16_t port, std::uint32_t a_minute, std::uint32_t burst);
  /// Connections that 127.0.0.1 has asked for at that port, as the firewall counts them.
  int asked() const { return counted("asked"); }
  /// Packets that the ban has dropped.
  int dropped() const { return counted("dropped"); }

private:
  int counted(const std::string& name) const;

  scratch_folder folder_;
  unique_fd before_;
  std::string why_not_;
};

/// Files that stand in the place of others, as this thread and all that it starts from now on see them, until
/// this object goes. It takes the rights that root has; where it cannot be done nothing is changed, and
/// `why_not` says so.
class own_files {
public:
  own_files();
  ~own_files();
  own_files(const own_files&) = delete;
  own_files& operator=(const own_files&) = delete;

  explicit operator bool() const { return why_not_.empty(); }
  const std::string& why_not() const { return why_not_; }
  /// `theirs` must be there.
  void place(const std::string& ours, const std::string& theirs);

private:
  unique_fd before_;
  std::string why_not_;
};

/// The name service of an `own_network`: /etc/resolv.conf and /etc/nsswitch.conf, as this thread and all that
/// it starts see them, lead to a server that knows one name, as 127.0.0.1 or as the addresses of IPv4 that it
/// is given, and answers as it is told.
class name_service {
public:
  enum class manner {
    answers,
    silent,  ///< as a resolver that is down
    unknown, ///< there is no such name
    fails    ///< it has no answer itself
  };

  explicit name_service(std::string name, std::vector<std::string> addresses = {"127.0.0.1"});
  ~name_service();
  name_service(const name_service&) = delete;
  name_service& operator=(const name_service&) = delete;

  explicit operator bool() const { return why_not_.empty(); }
  const std::string& why_not() const { return why_not_; }
  void be(manner how) { how_ = how; }
  int questions() const { return questions_; }

private:
  void answer_all(const std::stop_token& stop);
  std::string answer_to(std::string question) const;

  const std::string name_;
  const std::vector<std::string> addresses_;
  scratch_folder folder_;
  own_files files_;
  unique_fd socket_;
  std::string why_not_;
  std::atomic<manner> how_ = manner::answers;
  std::atomic<int> questions_ = 0;
  std::jthread server_; // last: it ends first
};

} // namespace moorage::support
