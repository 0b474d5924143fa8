// A password goes from the secret store to the server and nowhere else: not into a log, an error, an event or
// a message.
#include <catch2/catch.hpp>

#include <caf/all.hpp>
#include <fstream>
#include <iterator>
#include <mutex>

#include "tests/runtime/embedding_fixture.hpp"
#include "tests/support/fake_sshd.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// All that a runtime lets anybody read while it logs in with this password.
class overheard {
public:
  explicit overheard(const std::string& password) {
    support::fake_faults faults;
    faults.publickey = false;
    faults.password = true;
    support::fake_sshd sshd{faults};
    sshd.write_known_hosts(folder_ / "known_hosts");
    cluster_settings settings;
    settings.name = "alpha";
    settings.host = sshd.host();
    settings.port = sshd.port();
    settings.user = "jane";
    settings.agent = false;
    settings.key_files = {};
    settings.known_hosts_files = {folder_ / "known_hosts"};
    settings.password_secret = "alpha password";
    auto config = quiet_configuration({settings});
    config.log_level = "trace";
    config.log_file = folder_ / "log";
    {
      runtime rt{config};
      rt.secrets().put("alpha password", secret{password});
      auto watching =
          rt.subscribe({}, [this](const event_record& event) { add(caf::deep_to_string(event)); });
      REQUIRE(watching);
      auto answer = rt.try_acquire("alpha", {20s, {}, {}});
      code = answer ? errc::none : answer.error().code;
      add(answer ? answer->run("true").output : answer.error().text);
      add(caf::deep_to_string(rt.pools().value()));
      add(caf::deep_to_string(rt.connections("alpha").value()));
      add(caf::deep_to_string(rt.clusters().value()));
    }
    std::ifstream in{folder_ / "log"};
    log.assign(std::istreambuf_iterator<char>{in}, {});
    add(log);
  }

  errc code = errc::none;
  std::string log;
  std::string everything;

private:
  // The runtime's threads and the test's.
  void add(const std::string& text) {
    std::lock_guard guard{mutex_};
    everything += text + "\n";
  }

  std::mutex mutex_;
  support::scratch_folder folder_;
};

bool tells(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a password that is denied is told nowhere") {
  const std::string password = "correct horse battery staple";
  overheard of{password};
  CHECK(of.code == errc::auth_denied);
  INFO(of.everything);
  CHECK(tells(of.log, "latched"));               // it is told what happened
  CHECK(tells(of.everything, "alpha password")); // and which entry of the store was used
  for (const auto* word : {"correct horse", "battery", "staple"})
    CHECK(!tells(of.everything, word));
}

TEST_CASE("a password that logs in is told nowhere") {
  overheard of{"open sesame"};
  CHECK(of.code == errc::none);
  INFO(of.everything);
  CHECK(tells(of.everything, "opened"));
  CHECK(!tells(of.everything, "sesame"));
}
