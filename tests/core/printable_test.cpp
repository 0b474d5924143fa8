// What may be shown to people as it came, and what is escaped: every character, and what is none.
#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <vector>

#include "messages/printable.hpp"
#include "tests/support/hostile.hpp"

using namespace moorage;
using support::hostile_text;
using support::misleading;
using support::misleading_in_line;

namespace {

std::string utf8(std::uint32_t code) {
  auto low = [code](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80)
    return {static_cast<char>(code)};
  if (code < 0x800)
    return {static_cast<char>(0xc0 | code >> 6), low(0)};
  if (code < 0x10000)
    return {static_cast<char>(0xe0 | code >> 12), low(6), low(0)};
  return {static_cast<char>(0xf0 | code >> 18), low(12), low(6), low(0)};
}

/// The list, as it is promised.
bool is_escaped(std::uint32_t code) {
  for (auto [first, last] : {std::pair{0x00u, 0x1fu},
                             {0x7fu, 0x7fu},
                             {0x80u, 0x9fu},
                             {0x61cu, 0x61cu},
                             {0x200eu, 0x200fu},
                             {0x2028u, 0x2029u},
                             {0x202au, 0x202eu},
                             {0x2066u, 0x2069u}})
    if (code >= first && code <= last)
      return true;
  return false;
}

std::string whole(std::string_view bytes, lines kept = lines::many) {
  return printable(bytes, printable_whole, kept);
}

} // namespace

TEST_CASE("of all characters those that mislead are escaped, and no other is touched") {
  for (std::uint32_t code = 0; code <= 0x10ffff; ++code) {
    if (code >= 0xd800 && code <= 0xdfff)
      continue; // no characters
    auto text = "a" + utf8(code) + "b";
    auto shown = whole(text, lines::one);
    if (is_escaped(code) ? shown == text || !misleading_in_line(shown).empty() : shown != text) {
      INFO("U+" << std::hex << code);
      CHECK(shown == (is_escaped(code) ? "something escaped" : text));
    }
  }
  CHECK(whole("\x1b[2J", lines::one) == "\\x1b[2J");
  CHECK(whole("\x7f\xc2\x9b\xe2\x80\xae") == "\\x7f\\u{9b}\\u{202e}");
  CHECK(whole("grüße, 中文, 😀") == "grüße, 中文, 😀");
}

TEST_CASE("each byte that is not UTF-8 is escaped, and what follows it is read anew") {
  CHECK(whole("\xff") == "\\xff");
  CHECK(whole("\x80x") == "\\x80x");
  CHECK(whole("\xc0\xaf") == "\\xc0\\xaf");                   // overlong
  CHECK(whole("\xe0\x9f\xbf") == "\\xe0\\x9f\\xbf");          // overlong
  CHECK(whole("\xf0\x8f\xbf\xbf") == "\\xf0\\x8f\\xbf\\xbf"); // overlong
  CHECK(whole("\xed\xa0\x80") == "\\xed\\xa0\\x80");          // a surrogate
  CHECK(whole("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80"); // above U+10FFFF
  CHECK(whole("\xc3") == "\\xc3");                            // cut off
  CHECK(whole("\xe2\x82") == "\\xe2\\x82");                   // cut off
  CHECK(whole("\xe2\x82\xc3\xa9") == "\\xe2\\x82é");
  CHECK(whole(std::string_view{"a\0b", 3}) == "a\\x00b");
}

TEST_CASE("newlines and tabs stay only where lines are meant, and CR LF is a newline there") {
  CHECK(whole("a\tb\nc", lines::many) == "a\tb\nc");
  CHECK(whole("a\tb\nc", lines::one) == "a\\x09b\\x0ac");
  CHECK(whole("a\r\nb", lines::many) == "a\nb");
  CHECK(whole("a\r\nb", lines::one) == "a\\x0d\\x0ab");
  CHECK(whole("good\rbad", lines::many) == "good\\x0dbad");
  CHECK(whole("a\r\r\nb", lines::many) == "a\\x0d\nb");
  CHECK(whole("the end\r\n", lines::one) == "the end");
  CHECK(printable("\r\n") == "");
}

TEST_CASE("a text is cut at a character's edge, and says so") {
  CHECK(printable("abc", 3) == "abc");
  CHECK(printable("abcd", 3) == "abc…");
  CHECK(printable("aéb", 2) == "a…");
  CHECK(printable("aé", 3) == "aé");
  CHECK(printable("", 0) == "");
  CHECK(printable("a", 0) == "…");
  CHECK(printable(std::string(1'000, 'x')) == std::string(printable_max, 'x') + "…");
  CHECK(whole(std::string(1'000'000, 'x')).size() == 1'000'000);
}

TEST_CASE("whatever the bytes, what is shown is UTF-8 without anything that misleads, and stays as it is "
          "when shown again") {
  CHECK(misleading(hostile_text) != "");
  CHECK(misleading(whole(hostile_text)) == "");
  CHECK(misleading_in_line(whole(hostile_text, lines::one)) == "");
  std::mt19937 random{20261126};
  const std::string some[] = {hostile_text, "\xe2\x80", "\xf0\x9f", "plain", "\r\n", "…"};
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    for (auto parts = random() % 8; parts > 0; --parts)
      bytes += random() % 3 == 0 ? some[random() % std::size(some)].substr(0, random() % 90)
                                 : std::string(1, static_cast<char>(random()));
    auto size = random() % 2 == 0 ? printable_whole : random() % 40;
    auto line = printable(bytes, size), text = printable(bytes, size, lines::many);
    if (!misleading_in_line(line).empty() || !misleading(text).empty() || whole(line, lines::one) != line ||
        whole(text) != text) {
      INFO(round);
      CHECK(misleading_in_line(line) == "");
      CHECK(misleading(text) == "");
      CHECK(whole(line, lines::one) == line);
      CHECK(whole(text) == text);
    }
  }
}

TEST_CASE("another notation escapes the same characters") {
  auto spell = [](std::uint32_t code) { return "<" + std::to_string(code) + ">"; };
  CHECK(with_escapes("a\nb\x7f\xe2\x80\xae\xffé", spell) == "a<10>b<127><8238><65533>é");
  CHECK(with_escapes("", spell) == "");
}

TEST_CASE("a signal's name is short and plain, or it is called unknown") {
  for (const std::string& name :
       std::vector<std::string>{"TERM", "KILL", "SEGV", "sig-1@example.org", "a_b.c"})
    CHECK(signal_name(name) == name);
  CHECK(signal_name(std::string(64, 'A')) == std::string(64, 'A'));
  for (const std::string& name :
       {std::string{}, std::string(65, 'A'), std::string(200'000, 'K'), std::string{"TE RM"},
        std::string{"TERM\n"}, hostile_text, std::string{"K\0", 2}, std::string{"é"}})
    CHECK(signal_name(name) == "unknown");
}
