#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

/// What tests have recorded does not go among the recordings of whoever runs them.
int main(int argc, char** argv) {
  auto state = (std::filesystem::temp_directory_path() / "tests-of-moorage-XXXXXX").string();
  if (mkdtemp(state.data()) == nullptr || setenv("XDG_STATE_HOME", state.c_str(), 1) != 0)
    return EXIT_FAILURE;
  auto failed = Catch::Session().run(argc, argv);
  std::error_code ignored;
  std::filesystem::remove_all(state, ignored);
  return failed;
}
