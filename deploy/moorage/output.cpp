#include "deploy/moorage/output.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include "deploy/moorage/exit_codes.hpp"

namespace moorage::cli {

namespace {

// Set before any other thread is there.
int complaints = STDERR_FILENO;

} // namespace

bool put(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    auto written = write(descriptor, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      // Somebody who shares the terminal or pipe made it non-blocking.
      pollfd until{descriptor, POLLOUT, 0};
      poll(&until, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

ending say(std::string_view text, int code) {
  if (put(STDOUT_FILENO, text))
    return {code, 0};
  if (errno == EPIPE)
    return {code, SIGPIPE};
  complain("cannot write to standard output: " + std::string{std::strerror(errno)});
  return {failed, 0};
}

void complain(std::string_view text, lines kept) {
  if (complaints >= 0)
    put(complaints, "moorage: " + printable(text, printable_whole, kept) + "\n");
}

void complain_to(int descriptor) {
  complaints = descriptor;
}

int complaints_go_to() {
  return complaints;
}

void pass_on(std::string_view banner) {
  if (!banner.empty())
    put(STDERR_FILENO, printable(banner, printable_whole, lines::many) + "\n");
}

bool has_colours(int descriptor) {
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return (refused == nullptr || *refused == '\0') && isatty(descriptor) == 1 &&
         (terminal == nullptr || std::string_view{terminal} != "dumb");
}

std::string painted(std::string_view text, colour with, bool colours) {
  if (!colours || with == colour::none)
    return std::string{text};
  constexpr std::array codes{"0", "32", "33", "31", "2"};
  return std::string{"\033["} + codes[static_cast<std::size_t>(with)] + "m" + std::string{text} + "\033[0m";
}

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

table::table(std::vector<std::string> headings) : headings_(std::move(headings)) {}

void table::add(std::vector<cell> row) {
  for (auto& each : row)
    each.text = printable(each.text, printable_whole);
  rows_.push_back(std::move(row));
}

std::string table::text(bool colours) const {
  std::vector<std::size_t> widths;
  std::vector<cell> heads;
  for (const auto& heading : headings_) {
    heads.emplace_back(heading.starts_with('>') ? heading.substr(1) : heading, colour::faint);
    widths.push_back(columns_of(heads.back().text));
  }
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], columns_of(row[i].text));
  std::string result;
  auto add_line = [&](const std::vector<cell>& row) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      std::string padding(widths[i] - columns_of(row[i].text), ' ');
      auto right = headings_[i].starts_with('>');
      result += (i == 0 ? "" : "  ") + (right ? padding : "") + painted(row[i].text, row[i].with, colours);
      if (!right && i + 1 != row.size())
        result += padding;
    }
    result += '\n';
  };
  add_line(heads);
  for (const auto& row : rows_)
    add_line(row);
  return result;
}

} // namespace moorage::cli
