// SSH's wire form and base64, as keys, agents and known_hosts lines have it; and what a key file or a .pub
// file says.
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include <sanitizer/lsan_interface.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/ssh/login/credentials.hpp"
#include "runtime/ssh/wire.hpp"
#include "runtime/system/base64.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/hostile.hpp"

using namespace moorage;
using fuzz::require;

namespace {

/// What is read, put together again, is what was there.
void check_reader(std::string_view order, std::string_view bytes) {
  wire_reader reader{bytes};
  std::string again;
  for (char each : order) {
    const auto before = reader.rest();
    bool read = false;
    if ((each & 3) == 0) {
      auto value = reader.byte();
      if ((read = value.has_value()))
        again += static_cast<char>(*value);
    } else if ((each & 3) == 1) {
      auto value = reader.number();
      if ((read = value.has_value()))
        append_number(again, *value);
    } else if ((each & 3) == 2) {
      auto value = reader.long_number();
      if ((read = value.has_value())) {
        append_number(again, static_cast<std::uint32_t>(*value >> 32));
        append_number(again, static_cast<std::uint32_t>(*value));
      }
    } else {
      auto value = reader.string();
      if ((read = value.has_value()))
        append_string(again, *value);
    }
    require(reader.rest().size() <= before.size() && (!read || reader.rest().size() < before.size()),
            "what is read is not read twice");
    if (!read)
      return;
    require(again + std::string{reader.rest()} == bytes, "what is read is what was there");
  }
}

void check_base64(std::string_view text) {
  auto written = to_base64(text);
  require(written.size() == (text.size() + 2) / 3 * 4, "base64 has four digits for three bytes");
  require(from_base64(written) == text, "what is written in base64 is read again");
  auto read = from_base64(text);
  if (!read)
    return;
  auto digits = text.substr(0, text.find_last_not_of('=') + 1);
  require(read->size() == digits.size() * 3 / 4, "base64 has three bytes for four digits");
  // The last digit may have bits that say nothing.
  auto once_more = to_base64(*read);
  require(digits.empty() || once_more.starts_with(digits.substr(0, digits.size() - 1)),
          "what is read of base64 is written in the same digits");
}

void check_key(std::string_view blob) {
  if (auto certificate = parse_certificate(blob))
    require(!certificate->key_blob.empty() && certificate->key_blob.size() < blob.size(),
            "a certificate is more than the key that it certifies");
  if (auto key = import_blob(blob))
    require(support::misleading_in_line(describe(key.get())).empty(), "a key is described within a line");
}

void check_file(std::string_view text) {
  static const std::string file = "/dev/shm/moorage-fuzz-" + std::to_string(::getpid());
  std::ofstream{file, std::ios::binary | std::ios::trunc} << text;
  ::chmod(file.c_str(), 0600);
  __lsan_disable(); // libssh leaks some bytes of damaged private keys
  auto loaded = load_key(file, true, nullptr);
  __lsan_enable();
  ::unlink(file.c_str());
  require(loaded.blob.empty() == !loaded.public_key, "a blob is that of a public key");
  require(loaded.private_key || !loaded.problem.empty() || !loaded.blob.empty() ||
              !loaded.certificate_blob.empty(),
          "a file without a key draws a complaint");
  for (const auto* said : {&loaded.problem, &loaded.certificate_problem})
    require(support::misleading_in_line(*said).empty(), "a complaint is a line");
}

} // namespace

/// The first byte: what the rest is. 0: what is to be read of it in four bytes, then the bytes. 1: base64, or
/// any bytes. 2: a key or a certificate. 3: the text of a file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 5)
    return 0;
  std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  switch (data[0] & 3) {
  case 0:
    check_reader(bytes.substr(0, 4), bytes.substr(4));
    break;
  case 1:
    check_base64(bytes);
    break;
  case 2:
    check_key(bytes);
    break;
  default:
    check_file(bytes);
  }
  return 0;
}
