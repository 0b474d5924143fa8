// A node in this process that says of itself that it was built from another tree.
#pragma once

#include <catch2/catch.hpp>

#include <optional>
#include <string>
#include <string_view>

#include "runtime/actors.hpp"
#include "runtime/node/schema.hpp"
#include "runtime/node/socket.hpp"
#include "runtime/node/vocabulary.hpp"
#include "tests/runtime/embedding_fixture.hpp"
#include "tests/support/scratch_folder.hpp"

namespace moorage::test {

/// It has the cluster `here`.
class node_of_other_version {
public:
  node_of_other_version(const std::string& version, const std::string& schema)
      : rt_{quiet_configuration({settings_for(sshd_, "here")})} {
    node_service service;
    service.open = [session = caf::actor_cast<caf::strong_actor_ptr>(session_of(rt_, nullptr))](
                       const std::string&) { return session; };
    service.interface = vocabulary{version, schema}.greeting();
    auto made = publish_node(system_of(rt_), std::move(service), socket());
    REQUIRE(made);
    published_.emplace(std::move(*made));
  }
  std::string socket() const { return folder_.path() + "/node.sock"; }

private:
  support::real_sshd sshd_;
  support::scratch_folder folder_;
  runtime rt_;
  std::optional<published_node> published_;
};

/// What this build has, with another text in place of one that it has.
inline std::string schema_with(std::string_view before, std::string_view after) {
  auto schema = outsiders_schema();
  return schema.replace(schema.find(before), before.size(), after);
}

} // namespace moorage::test
