// Falsifiers: each stands between a pool and its observer and makes the pool look as if it had one bug.
#pragma once

#include <algorithm>
#include <functional>

#include "tests/core/impolite_world.hpp"

namespace moorage::test {

using namespace std::chrono_literals;

using phase = observer::phase;
using book = observer::connection_book;

/// True once the bug has been planted.
using falsifier = std::function<bool(watched_pool&)>;

struct planted {
  const char* promise;
  falsifier falsify;
};

/// The first effect of the kind, or none.
template <class Effect>
Effect* first(watched_pool& pool) {
  for (auto& effect : pool.effects)
    if (auto* found = std::get_if<Effect>(&effect))
      return found;
  return nullptr;
}

template <class Effect>
falsifier change(std::function<bool(watched_pool&, Effect&)> how) {
  return [how](watched_pool& pool) {
    for (auto& effect : pool.effects)
      if (auto* found = std::get_if<Effect>(&effect); found != nullptr && how(pool, *found))
        return true;
    return false;
  };
}

template <class Effect>
falsifier drop(std::function<bool(watched_pool&, const Effect&)> which = [](auto&, auto&) { return true; }) {
  return [which](watched_pool& pool) {
    for (auto i = pool.effects.begin(); i != pool.effects.end(); ++i)
      if (auto* found = std::get_if<Effect>(&*i); found != nullptr && which(pool, *found)) {
        pool.effects.erase(i);
        return true;
      }
    return false;
  };
}

template <class Effect>
falsifier repeat() {
  return [](watched_pool& pool) {
    auto* found = first<Effect>(pool);
    if (found == nullptr)
      return false;
    pool.effects.push_back(Effect{*found});
    return true;
  };
}

/// Adds the effect that `make` gives, if any, before all others.
template <class Effect>
falsifier add(std::function<bool(watched_pool&, Effect&)> make) {
  return [make](watched_pool& pool) {
    Effect effect{};
    if (!make(pool, effect))
      return false;
    pool.effects.insert(pool.effects.begin(), effect);
    return true;
  };
}

/// A connection that is so, or 0.
inline connection_id one(const watched_pool& pool, const std::function<bool(const book&)>& is) {
  const auto& all = pool.watch.connections();
  for (std::uint64_t i = 1; i < all.size(); ++i)
    if (all[i].now != phase::unknown && is(all[i]))
      return connection_id{i};
  return {};
}

inline std::size_t how_many(const watched_pool& pool, const std::function<bool(const book&)>& are) {
  const auto& all = pool.watch.connections();
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), are));
}

inline bool opening(const book& c) {
  return c.opening();
}
inline bool present(const book& c) {
  return c.now != phase::unknown && c.now != phase::gone;
}
inline bool sound(const book& c) {
  return c.now == phase::open && !c.condemned;
}

inline connection_id fresh(const watched_pool& pool) {
  return connection_id{pool.watch.connections().size() + 5};
}

/// Nothing stands against another opening but the limit under test.
inline bool calm(const watched_pool& pool) {
  return pool.watch.state() == pool_state::running && !pool.watch.stopping() && !pool.watch.latched() &&
         !first<close_connection>(const_cast<watched_pool&>(pool));
}

inline bool room(const watched_pool& pool) {
  auto most = pool.watch.settings().connects_at_once;
  return (most == 0 || how_many(pool, opening) < most) &&
         how_many(pool, present) < pool.watch.settings().pool_size;
}

inline falsifier grant_on(std::function<bool(const watched_pool&, const book&)> is) {
  return change<grant>([is](watched_pool& pool, grant& effect) {
    auto other = one(pool, [&](const book& c) { return is(pool, c); });
    if (!other || other == effect.connection)
      return false;
    effect.connection = other;
    return true;
  });
}

inline bool well(const book& c) {
  return sound(c) && c.probe_failures == 0 && !c.doubted && !c.slow;
}

/// On another idle connection than the pool chose, whose choice is well and far from the end of its lifetime.
inline falsifier grant_instead(std::function<bool(const book& other, const book& chosen)> is) {
  return change<grant>([is](watched_pool& pool, grant& effect) {
    const auto& chosen = pool.watch.connections()[effect.connection.value];
    if (!well(chosen) || chosen.probe ||
        pool.now - chosen.opened >= pool.watch.settings().connection_lifetime / 2)
      return false;
    auto other = one(pool, [&](const book& c) { return c.idle() && sound(c) && is(c, chosen); });
    return other && other != effect.connection && (effect.connection = other, true);
  });
}

inline falsifier refuse_first(errc code, std::function<bool(const watched_pool&)> when) {
  return add<refuse>([code, when](watched_pool& pool, refuse& effect) {
    if (pool.watch.waiting().empty() || pool.watch.settings().queue_depth < 2 || !when(pool) ||
        !pool.effects.empty())
      return false;
    effect = {pool.watch.waiting().front(), {code, "planted"}};
    return true;
  });
}

inline falsifier open_new(std::function<bool(const watched_pool&)> when) {
  return add<open_connection>([when](watched_pool& pool, open_connection& effect) {
    effect = {fresh(pool), 1};
    return when(pool);
  });
}

inline falsifier misreport(std::function<void(watched_pool&)> how) {
  return [how](watched_pool& pool) {
    how(pool);
    return true;
  };
}

/// What the observer complains of when the bug is planted, in the first life that gives an opportunity.
inline std::string complaint(const falsifier& falsify, bool carriages = false, bool persons = false) {
  for (std::uint64_t seed = 1; seed <= 4000; ++seed) {
    impolite_world world{seed};
    world.carriages = carriages;
    world.persons = persons;
    auto done = false;
    world.pool.tamper = [&](watched_pool& pool) {
      if (!done)
        done = falsify(pool);
    };
    try {
      world.run(1000);
      world.make_peace();
    } catch (const broken_promise& e) {
      return e.what();
    }
    if (done)
      return "nothing was noticed";
  }
  return "there was no opportunity";
}

} // namespace moorage::test
