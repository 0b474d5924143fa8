#include "runtime/config/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/system/descriptors.hpp"

namespace moorage {

namespace {

std::string cannot_be_read(const std::string& why) {
  return "cannot be read: " + why;
}

std::string cannot_be_read(int error) {
  return cannot_be_read(std::generic_category().message(error) +
                        (error == EMFILE ? "; raise the limit (ulimit -n)" : ""));
}

/// What a file is that is no regular one; empty: it is one.
std::string other_than_regular(mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFREG:
    return {};
  case S_IFDIR:
    return "it is a folder";
  case S_IFIFO:
    return "it is a pipe; give a regular file";
  case S_IFSOCK:
    return "it is a socket; give a regular file";
  default:
    return "it is a device; give a regular file";
  }
}

constexpr std::string_view too_deep = "deeper than a configuration goes; allowed: keys of three parts, as in "
                                      "clusters.NAME.host, and lists that hold no lists";
constexpr std::string_view no_name =
    "not TOML: a table's name begins with none of a-z, A-Z, 0-9, _, - and quotes";
constexpr std::string_view not_ascii =
    "not TOML: only strings and comments hold other characters than ASCII's";

/// Walks over TOML by its strings and comments, and counts the parts of what may be a key, and the brackets.
/// Whatever cannot stand in a key begins a new one.
class text_walk {
public:
  explicit text_walk(std::string_view text) : rest_(text) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (rest_.starts_with(byte_order_mark))
      rest_.remove_prefix(byte_order_mark.size());
  }

  std::optional<text_problem> first_problem() {
    while (!rest_.empty()) {
      auto next = rest_.front();
      if (next == '#')
        skip_comment();
      else if (next == '"' || next == '\'')
        skip_string(next);
      else if (static_cast<unsigned char>(next) >= 0x80)
        return text_problem{at_.line, at_.column, not_ascii};
      else if (next == '[' && begins_line_ && brackets_ == 0 && !names_a_table())
        return text_problem{at_.line, at_.column, no_name};
      else
        take(next);
      if (parts_ > key_parts_max)
        return text_problem{key_.line, key_.column, too_deep};
      if (brackets_ > value_depth_max)
        return text_problem{at_.line, at_.column, too_deep};
    }
    return std::nullopt;
  }

private:
  /// What stands behind the [ or [[ that a table begins with.
  bool names_a_table() const {
    auto name = rest_.substr(rest_.starts_with("[[") ? 2 : 1);
    name.remove_prefix(std::min(name.find_first_not_of(" \t"), name.size()));
    // The parser itself finds fault with a missing name.
    return name.empty() || name.front() == ']' || name.front() == '"' || name.front() == '\'' ||
           is_bare(name.front());
  }

  void take(char next) {
    auto here = at_;
    auto is_space = next == ' ' || next == '\t'; // may stand around a dot, and before a key
    begins_line_ = next == '\n' || (begins_line_ && is_space);
    advance(1);
    if (next == '.') {
      begin_key(here);
      ++parts_;
    } else if (is_bare(next)) {
      begin_key(here);
    } else if (!is_space) {
      parts_ = 0; // = , [ ] { } and the end of a line
      if (next == '[' || next == '{')
        ++brackets_;
      else if ((next == ']' || next == '}') && brackets_ > 0)
        --brackets_;
    }
  }

  static bool is_bare(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  }

  void begin_key(text_problem here) {
    if (parts_ == 0) {
      parts_ = 1;
      key_ = here;
    }
  }

  void skip_comment() { advance(std::min(rest_.find_first_of("\r\n"), rest_.size())); }

  void skip_string(char quote) {
    begin_key(at_);
    begins_line_ = false;
    std::string three(3, quote);
    auto several_lines = rest_.starts_with(three);
    advance(several_lines ? 3 : 1);
    while (!rest_.empty()) {
      if (rest_.front() == '\\' && quote == '"') {
        advance(2);
      } else if (several_lines ? rest_.starts_with(three) : rest_.front() == quote) {
        advance(several_lines ? 3 : 1);
        for (auto more = 0; several_lines && more < 2 && rest_.starts_with(quote); ++more)
          advance(1); // up to two quotes may stand before the closing three
        return;
      } else if (!several_lines && (rest_.front() == '\n' || rest_.front() == '\r')) {
        return; // which is no TOML: the parser will say so
      } else {
        advance(1);
      }
    }
  }

  void advance(std::size_t count) {
    for (; count > 0 && !rest_.empty(); --count) {
      auto line_ends = rest_.front() == '\n';
      at_.line += line_ends ? 1 : 0;
      at_.column = line_ends ? 1 : at_.column + 1;
      rest_.remove_prefix(1);
    }
  }

  std::string_view rest_;
  text_problem at_;
  text_problem key_;
  bool begins_line_ = true;
  std::size_t parts_ = 0;
  std::size_t brackets_ = 0;
};

} // namespace

std::string read_config_text(const std::filesystem::path& file, std::string& text) {
  struct stat facts {};
  // Looked at first, since opening some devices does something to them; and opened without waiting, since it
  // may have become something else meanwhile.
  if (::stat(file.c_str(), &facts) != 0)
    return cannot_be_read(errno);
  if (auto what = other_than_regular(facts.st_mode); !what.empty())
    return cannot_be_read(what);
  unique_fd descriptor{::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)};
  if (!descriptor)
    return cannot_be_read(errno);
  std::string wrong;
  if (::fstat(descriptor.get(), &facts) != 0)
    wrong = cannot_be_read(errno);
  else if (auto what = other_than_regular(facts.st_mode); !what.empty())
    wrong = cannot_be_read(what);
  text.clear();
  // Every command starts here: a buffer for the largest file would cost it milliseconds.
  std::array<char, 16 << 10> piece;
  while (wrong.empty() && text.size() <= config_size_max) {
    auto got = ::read(descriptor.get(), piece.data(), piece.size());
    if (got < 0 && errno != EINTR)
      wrong = cannot_be_read(errno);
    if (got == 0)
      break;
    text.append(piece.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  }
  if (wrong.empty() && text.size() > config_size_max)
    wrong = "is larger than 1MiB; no configuration is";
  return wrong;
}

std::optional<text_problem> find_unfit(std::string_view text) {
  return text_walk{text}.first_problem();
}

} // namespace moorage
