#include "tests/core/spec_mutations.hpp"

#include <utility>

namespace moorage::test::spec {

namespace {

/// Another value of the same type, which no pool can have.
value another(const value& right) {
  if (const auto* flag = std::get_if<bool>(&right))
    return !*flag;
  if (const auto* number = std::get_if<std::int64_t>(&right))
    return *number + 1;
  if (const auto* time = std::get_if<std::chrono::milliseconds>(&right))
    return *time + std::chrono::milliseconds{1};
  return std::get<std::string>(right) + "?";
}

value another(const std::string& key, const value& right) {
  if (key == "from")
    return std::chrono::milliseconds{std::chrono::hours{10'000}};
  if (key == "until")
    return std::chrono::milliseconds{-1};
  return another(right);
}

class mutations {
public:
  explicit mutations(const pool_case& right) : right_(right) {}

  std::vector<wrong_case> all() {
    for (std::size_t i = 0; i < right_.events.size(); ++i) {
      of_group(i);
      if (i > 0 && in_words(i) != in_words(i - 1)) {
        auto& wrong = add("events " + std::to_string(i - 1) + " and " + std::to_string(i) + " are swapped");
        std::swap(wrong.events[i - 1], wrong.events[i]);
      }
    }
    for (const auto& [name, outcome] : right_.outcomes)
      add("outcomes." + name).outcomes[name] = outcome == "granted" ? "waiting" : "granted";
    for (const auto& [name, each] : right_.status)
      add("status." + name).status[name] = another(each);
    for (std::size_t i = 0; i < right_.steps.size(); ++i)
      if (right_.steps[i].operation == "expect")
        for (const auto& [name, each] : right_.steps[i].keys)
          add(right_.steps[i].where + "." + name).steps[i].keys[name] = another(each);
    return std::move(all_);
  }

private:
  pool_case& add(std::string what) {
    all_.push_back({std::move(what), right_});
    return all_.back().expects;
  }

  std::string in_words(std::size_t group) const {
    std::string text;
    for (const auto& each : right_.events[group])
      text += to_string(each) + "; ";
    return text;
  }

  void of_group(std::size_t i) {
    const auto& group = right_.events[i];
    for (std::size_t k = 0; k < group.size(); ++k) {
      auto where = "events[" + std::to_string(i) + "] " + to_string(group[k]);
      auto& without = add(where + " is not expected").events;
      without[i].erase(without[i].begin() + static_cast<std::ptrdiff_t>(k));
      auto& twice = add(where + " is expected twice").events;
      twice.insert(twice.begin() + static_cast<std::ptrdiff_t>(i), {group[k]});
      for (const auto& [name, each] : group[k].keys)
        add(where + ": another " + name).events[i][k].keys[name] = another(name, each);
    }
  }

  const pool_case& right_;
  std::vector<wrong_case> all_;
};

} // namespace

std::vector<wrong_case> wrong_versions(const pool_case& right) {
  return mutations{right}.all();
}

} // namespace moorage::test::spec
