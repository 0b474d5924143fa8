// Secrets stay secret: the type offers no way to print, compare or copy by accident, and wipes what it held.
#include <cstring>
#include <new>
#include <sstream>
#include <thread>
#include <type_traits>
#include <vector>

#include <catch2/catch.hpp>

#include "runtime/secrets.hpp"

using moorage::memory_secret_store;
using moorage::secret;

namespace {

template <class T>
concept printable_type = requires(std::ostream& out, const T& value) {
  out << value;
};

template <class T>
concept text_like = std::is_convertible_v<const T&, std::string> ||
    std::is_convertible_v<const T&, std::string_view> || std::is_convertible_v<const T&, const char*>;

} // namespace

TEST_CASE("a secret cannot be copied, printed, compared or turned into text by accident") {
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<secret>);
  STATIC_REQUIRE_FALSE(std::is_copy_assignable_v<secret>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<std::string_view, secret>);
  STATIC_REQUIRE_FALSE(printable_type<secret>);
  STATIC_REQUIRE_FALSE(text_like<secret>);
  STATIC_REQUIRE_FALSE(std::equality_comparable<secret>);
}

TEST_CASE("a secret moves, and leaves nothing behind") {
  secret first{"hunter2"};
  secret second{std::move(first)};
  CHECK(first.empty()); // NOLINT(bugprone-use-after-move): that is the promise
  CHECK(std::strcmp(first.reveal(), "") == 0);
  CHECK(std::strcmp(second.reveal(), "hunter2") == 0);
  secret third{"other"};
  third = std::move(second);
  CHECK(std::strcmp(third.reveal(), "hunter2") == 0);
  CHECK(second.empty()); // NOLINT(bugprone-use-after-move): that is the promise
}

TEST_CASE("a clone is a secret of its own") {
  secret first{"hunter2"};
  auto second = first.clone();
  first = secret{};
  CHECK(std::strcmp(second.reveal(), "hunter2") == 0);
}

TEST_CASE("a secret may hold any byte, and may be made in place") {
  secret binary{std::string_view{"a\0b", 3}};
  CHECK(binary.size() == 3);
  CHECK(std::memcmp(binary.reveal(), "a\0b", 4) == 0);
  auto made = secret::with_size(8);
  std::memcpy(made.write_at(0), "12345678", 8);
  made.shrink(4);
  CHECK(made.size() == 4);
  CHECK(std::strcmp(made.reveal(), "1234") == 0);
}

TEST_CASE("the store keeps secrets by name") {
  memory_secret_store store;
  CHECK_FALSE(store.find("lumi"));
  store.put("lumi", secret{"one"});
  store.put("lumi", secret{"two"});
  CHECK(std::strcmp(store.find("lumi")->reveal(), "two") == 0);
  CHECK(store.erase("lumi"));
  CHECK_FALSE(store.erase("lumi"));
  CHECK_FALSE(store.find("lumi"));
}

TEST_CASE("the store may be used from many threads at once") {
  memory_secret_store store;
  std::vector<std::thread> users;
  users.reserve(4);
  for (int n = 0; n < 4; ++n)
    users.emplace_back([&store, n] {
      const auto name = std::to_string(n % 2);
      for (int round = 0; round < 500; ++round) {
        store.put(name, secret{"word"});
        if (auto found = store.find(name); found && std::strcmp(found->reveal(), "word") != 0)
          std::abort();
        if (round % 7 == 0)
          store.erase(name);
      }
    });
  for (auto& user : users)
    user.join();
}
