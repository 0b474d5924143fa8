// The TOML parser's own code.
#define TOML_IMPLEMENTATION
#include "runtime/config/toml.hpp"
