// Whom a node over TLS believes as time goes by, and by which authority.
#include "tests/node/front_world.hpp"

#include <algorithm>

#include "tests/support/made_certificates.hpp"

using namespace node_tests;
using moorage::support::append;
using moorage::support::made_authority;

namespace {

/// Long enough for some handshakes on a busy machine, and short enough to be waited for.
constexpr auto short_life = 8s;
/// By which nothing ends that is to end sooner for another reason.
constexpr auto patient = 90s;

/// A front on which a link is cut for its certificates alone.
struct lasting_front : front_world {
  lasting_front(moorage::node_files of_node, moorage::node_files of_client)
      : front_world(std::move(of_node), std::move(of_client), patient,
                    std::make_shared<moorage::tls_front>(patient)) {
    word = std::string(moorage::link_greeting_size, '.');
  }
  /// A link that has greeted.
  moorage::unique_fd link(const moorage::node_files& with) {
    auto made = dial(with);
    INFO((made ? "" : made.error().text));
    REQUIRE(made);
    say(*made, word);
    return std::move(*made);
  }
  std::string refusal(const moorage::node_files& with) {
    auto made = dial(with);
    return made ? "" : made.error().text;
  }
};

bool tells(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

bool lives(const moorage::unique_fd& link) {
  return !ended_within(link, 0ms);
}

/// Until the seconds that certificates are dated in have gone by.
void wait_until_after(std::chrono::system_clock::time_point when) {
  REQUIRE(eventually([&] { return std::chrono::system_clock::now() > when + 1s; }, 60s));
}

std::string error_of(const moorage::node_files& files, moorage::tls_side side) {
  auto made = moorage::make_tls_context(files, side);
  return made ? "" : made.error().text;
}

} // namespace

TEST_CASE("a link is cut as soon as either side's certificate has run out, and no other") {
  made_authority authority{"authority"};
  lasting_front lasts{authority.node(), authority.client("lasts")};
  auto stays = lasts.link(lasts.client);
  lasting_front ends_soon{authority.node(short_life), authority.client("portal")};
  auto of_node = ends_soon.link(ends_soon.client);
  auto of_client = lasts.link(authority.client("ends-soon", short_life));
  CHECK(lives(of_node));
  CHECK(lives(of_client));
  CHECK(ends(of_client));
  CHECK(eventually([&] { return lasts.last_refusal() == "127.0.0.1: certificate has expired"; }));
  CHECK(ends(of_node)); // which the client sees: of the node's the client is the judge
  CHECK(eventually([&] { return ends_soon.front.count().links == 0; }));
  CHECK(tells(ends_soon.refusal(ends_soon.client), "is not to be trusted (certificate has expired)"));
  CHECK(lives(stays));
  CHECK(lasts.front.count().links == 1);
}

TEST_CASE("a node may believe one authority below its own, and then believes no other") {
  made_authority root{"root"}, ours{"ours", root}, theirs{"theirs", root};
  lasting_front world{ours.node(), ours.client("alone")};
  auto presents = [&](const made_authority& by, const std::string& name, bool with_root = false) {
    auto files = by.client(name);
    files.authority = ours.file(); // which is the node's
    append(files.certificate, by.file());
    if (with_root)
      append(files.certificate, root.file());
    return files;
  };
  auto alone = world.link(world.client);
  auto with_chain = world.link(presents(ours, "chain"));
  auto with_root = world.link(presents(ours, "root", true));
  CHECK(tells(world.refusal(presents(theirs, "theirs")), "refused our certificate"));
  CHECK(tells(world.refusal(presents(theirs, "theirs", true)), "refused our certificate"));
  auto of_root = root.client("of-root");
  of_root.authority = ours.file();
  CHECK(tells(world.refusal(of_root), "refused our certificate"));
  world.believe(world.files);
  auto later = world.link(world.client);
  CHECK(lives(alone));
  CHECK(lives(with_chain));
  CHECK(lives(with_root));
}

TEST_CASE("a list of the revoked of one authority below another refuses those on it, and no others") {
  made_authority root{"root"}, ours{"ours", root};
  auto goes = ours.client("goes"), stays = ours.client("stays");
  auto files = ours.node();
  files.revoked = ours.list(1h);
  lasting_front world{files, stays};
  auto one = world.link(goes), other = world.link(stays);
  files.revoked = ours.list(1h, {goes.certificate});
  world.believe(files);
  CHECK(ends(one));
  CHECK(tells(world.refusal(goes), "revoked"));
  CHECK(lives(other));
  // A list of the root's beside it, which nothing here can prove, takes nothing away and lets nobody in.
  append(files.revoked, root.list(1h));
  world.believe(files);
  CHECK(world.refusal(stays).empty());
  CHECK(tells(world.refusal(goes), "revoked"));
  // Of a client's authority as well.
  auto careful = stays;
  careful.revoked = files.revoked;
  CHECK(world.refusal(careful).empty());
}

TEST_CASE("what a client presents of the authorities between fills the way to the one that a node believes") {
  made_authority root{"root"}, between{"between", root};
  auto files = root.node();
  files.revoked = root.list(1h);
  append(files.revoked, between.list(1h));
  auto presents = between.client("presents");
  presents.authority = root.file();
  auto silent = presents;
  append(presents.certificate, between.file());
  silent = between.client("silent");
  silent.authority = root.file();
  lasting_front world{files, presents};
  auto link = world.link(presents);
  CHECK(tells(world.refusal(silent), "refused our certificate"));
  world.believe(files);
  auto again = world.link(presents);
  CHECK(lives(link));
  // Without the list of one between nobody knows whom it has revoked.
  auto lacking = files;
  lacking.revoked = root.list(1h);
  lasting_front lacks{lacking, presents};
  CHECK_FALSE(lacks.refusal(presents).empty());
  CHECK(eventually([&] { return lacks.last_refusal() == "127.0.0.1: unable to get certificate CRL"; }));
  // Revoked is also who was given out by one that is.
  files.revoked = root.list(1h, {between.file()});
  append(files.revoked, between.list(1h));
  world.believe(files);
  CHECK(ends(link));
  CHECK(ends(again));
  CHECK(tells(world.refusal(presents), "revoked"));
}

TEST_CASE("a list of the revoked that is out of date is not taken, and says since when, on either side") {
  made_authority authority{"authority"};
  auto files = authority.node(), client = authority.client("portal");
  auto late = authority.list(-60s);
  files.revoked = client.revoked = late;
  auto said = "the list of revoked certificates " + late + ": out of date since ";
  CHECK(tells(error_of(files, moorage::tls_side::node), said));
  CHECK(tells(error_of(client, moorage::tls_side::client), said));
}

TEST_CASE("once a node's list of the revoked is out of date newcomers are told so, and links live") {
  made_authority authority{"authority"};
  auto files = authority.node();
  auto until = std::chrono::system_clock::now() + short_life;
  files.revoked = authority.list(short_life);
  lasting_front world{files, authority.client("portal")};
  auto link = world.link(world.client);
  wait_until_after(until);
  CHECK(tells(world.refusal(world.client), "refused our certificate"));
  CHECK(eventually([&] { return world.last_refusal() == "127.0.0.1: CRL has expired"; }));
  CHECK(tells(error_of(files, moorage::tls_side::node), "out of date since ")); // nothing changes by a reload
  CHECK(lives(link));
  files.revoked = authority.list(1h);
  world.believe(files);
  auto again = world.link(world.client);
  CHECK(lives(link));
}
