// What the verdict on a host key must be, found in another way than the product finds it: no key is decoded,
// the keys that count are known by their spelling. Where a line has a key of another spelling, several
// verdicts may be right.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/ssh/opening/host_keys.hpp"
#include "runtime/ssh/wire.hpp"
#include "runtime/system/base64.hpp"

namespace fuzz {

/// The host that all is about.
inline constexpr const char* oracle_host = "lumi";

class oracle {
public:
  oracle() {
    using moorage::append_string, moorage::append_number;
    auto add = [this](const std::string& type, std::initializer_list<std::string> fields) {
      std::string blob;
      append_string(blob, type);
      for (const auto& field : fields)
        append_string(blob, field);
      keys_.push_back({type, moorage::to_base64(blob)});
    };
    const std::string exponent("\1\0\1", 3);
    add("ssh-ed25519", {std::string(32, 'a')});
    add("ssh-rsa", {exponent, std::string(256, 'a')});
    add("ssh-ed25519", {std::string(32, 'b')});
    add("ssh-rsa", {exponent, std::string(256, 'b')});
    add("ecdsa-sha2-nistp256", {"nistp256", "\x04" + std::string(64, 'a')});
    add("ssh-ed25519-cert-v01@openssh.com", {"nonce", std::string(32, 'a'), "whatever follows"});
  }

  /// The first five are keys of five kinds; the last is a certificate for the first.
  const std::vector<moorage::host_key>& keys() const { return keys_; }

  /// The text with whole words in the place of control characters, 64 KiB at most.
  std::string written_out(std::string_view text) const {
    std::string result;
    for (char c : text) {
      if (result.size() > 64u << 10)
        break;
      if (c >= 1 && c <= 6) {
        const auto& key = keys_[static_cast<std::size_t>(c) - 1];
        result += " " + key.type + " " + key.base64;
      } else if (c == 7 || c == 8) {
        result += hashes[c - 7];
      } else if (c == 14 || c == 15) {
        result += c == 14 ? "@revoked " : "@cert-authority ";
      } else if (c == 16 || c == 17) {
        result += c == 16 ? "[lumi]:2222" : "lumi";
      } else {
        result += c;
      }
    }
    return result;
  }

  /// Words for the verdicts that are right, with blanks around each.
  std::string expect(std::string_view text, std::size_t shown, std::uint16_t port) const {
    findings found;
    while (!text.empty()) {
      auto end = text.find('\n');
      auto line = text.substr(0, end);
      text = end == text.npos ? std::string_view{} : text.substr(end + 1);
      if (auto nul = line.find('\0'); nul != line.npos) {
        found.damaged = true;
        line = line.substr(0, nul);
      }
      look_at(line, shown, port, found);
    }
    std::string may = found.may_be_revoked ? " revoked " : "";
    if (found.revoked)
      return " revoked ";
    if (found.damaged)
      return may + " unreadable ";
    if (found.trusted || (found.trusted_bare && !found.other))
      return may + " known " + (!found.trusted && found.may_be_other ? " changed " : "");
    if (found.other)
      return may + " changed ";
    return may + " unknown " + (found.may_be_other ? " changed " : "");
  }

private:
  struct findings {
    bool damaged = false;
    bool revoked = false, may_be_revoked = false;
    bool trusted = false, trusted_bare = false; ///< by a line with the port, or by one without it alone
    bool other = false, may_be_other = false;
  };

  /// Of "lumi" and "[lumi]:2222", with a salt of 20 times the letter s.
  static constexpr const char* hashes[] = {"|1|c3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3M=|BtOfhD2Re/auP5m5SFELHgxH1iE=",
                                           "|1|c3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3M=|ryy3mYrc+SuWR6OlYcQGaRuK5bg="};

  static std::vector<std::string> words_of(std::string_view line) {
    std::vector<std::string> words;
    bool within = false;
    for (char c : line) {
      const bool blank = c == ' ' || c == '\t';
      if (!blank && !within)
        words.emplace_back();
      if (!blank)
        words.back() += c;
      within = !blank;
    }
    return words;
  }

  /// As by a table: whether the first i characters of the name go with the first j of the pattern.
  static bool goes_with(const std::string& name, const std::string& pattern) {
    std::vector<bool> row(name.size() + 1, false);
    row[0] = true;
    for (char p : pattern) {
      std::vector<bool> next(name.size() + 1, false);
      next[0] = p == '*' && row[0];
      for (std::size_t i = 1; i <= name.size(); ++i)
        next[i] = p == '*' ? row[i] || next[i - 1] : row[i - 1] && (p == '?' || p == name[i - 1]);
      row = std::move(next);
    }
    return row[name.size()];
  }

  static bool speaks_of(const std::string& name, const std::string& hosts) {
    if (hosts.starts_with('|'))
      return hosts == hashes[name == oracle_host ? 0 : 1];
    bool matched = false;
    std::string pattern;
    for (char c : hosts + ",") {
      if (c != ',') {
        pattern += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        continue;
      }
      const bool negated = pattern.starts_with('!');
      const auto wanted = pattern.substr(negated ? 1 : 0);
      if (wanted.size() > 1'022)
        return false;
      const bool fits = !wanted.empty() && goes_with(name, wanted);
      if (fits && negated)
        return false;
      matched = matched || fits;
      pattern.clear();
    }
    return matched;
  }

  enum class spelling { none, shown, other, unsure };

  spelling key_of(const std::string& type, std::string base64, std::size_t shown, bool revoked) const {
    base64.erase(std::remove_if(base64.begin(), base64.end(),
                                [](char c) { return c == '\r' || c == '\v' || c == '\f'; }),
                 base64.end());
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (base64 != keys_[i].base64)
        continue;
      const bool by_signature =
          keys_[i].type == "ssh-rsa" && (type == "rsa-sha2-256" || type == "rsa-sha2-512");
      if (type != keys_[i].type && !by_signature)
        return spelling::none;
      // A revoked certificate revokes the key that it is for.
      return i == shown || (revoked && i == 5 && shown == 0) ? spelling::shown : spelling::other;
    }
    return spelling::unsure;
  }

  void look_at(std::string_view line, std::size_t shown, std::uint16_t port, findings& found) const {
    auto words = words_of(line);
    if (words.empty() || words[0].starts_with('#'))
      return;
    std::string mark;
    if (words[0].starts_with('@')) {
      mark = words[0];
      words.erase(words.begin());
    }
    const bool revoked = mark == "@revoked";
    if (words.size() < 3 || (!mark.empty() && !revoked)) // an authority's lines have no say
      return;
    const auto whole = port == 22 ? std::string{oracle_host} : "[lumi]:" + std::to_string(port);
    const bool here = speaks_of(whole, words[0]);
    const bool bare = !here && speaks_of(oracle_host, words[0]);
    if (!here && !bare)
      return;
    const auto key = key_of(words[1], words[2], shown, revoked);
    if (revoked) {
      found.revoked = found.revoked || key == spelling::shown;
      found.may_be_revoked = found.may_be_revoked || key == spelling::unsure;
    } else if (key == spelling::shown) {
      (here ? found.trusted : found.trusted_bare) = true;
    } else if (here) {
      found.other = found.other || key == spelling::other;
      found.may_be_other = found.may_be_other || key == spelling::unsure;
    }
  }

  std::vector<moorage::host_key> keys_;
};

} // namespace fuzz
