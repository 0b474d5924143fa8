// Threads that nobody joins, as seen by a process that returns from main while one is at work.
#include "runtime/system/awaited_threads.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <semaphore>
#include <string>

#include <poll.h>
#include <unistd.h>

#include "tests/support/process_tree.hpp"
#include "tests/support/scratch_folder.hpp"

namespace {

std::binary_semaphore main_is_over{0};

} // namespace

TEST_CASE("leaves a thread at work that ends after main", "[.awaited]") {
  moorage::on_awaited_thread([] {
    main_is_over.acquire();
    ::poll(nullptr, 0, 100); // its work: longer than a process takes to be gone
    const std::string word = "the thread is over\n";
    if (::write(STDOUT_FILENO, word.data(), word.size()) < 0) // Catch is gone by now
      std::abort();
  });
  // What is registered last is called first.
  REQUIRE(std::atexit([] { main_is_over.release(); }) == 0);
}

TEST_CASE("the end of the process waits for threads that nobody joins") {
  moorage::support::scratch_folder folder;
  moorage::support::process_spec spec;
  spec.argv = {std::filesystem::read_symlink("/proc/self/exe").string(), "[.awaited]"};
  spec.output = folder / "output";
  CHECK(moorage::support::run_to_end(spec) == 0);
  CHECK_THAT(moorage::support::contents_of(folder / "output"), Catch::Contains("the thread is over"));
}
