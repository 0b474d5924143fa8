// What every maker of transports owes OpenSSL, done once for all tests of this folder.
#include "runtime/ssh/opening/preparation.hpp"

namespace {

[[maybe_unused]] const bool begun = [] {
  moorage::let_openssl_begin();
  return true;
}();

} // namespace
