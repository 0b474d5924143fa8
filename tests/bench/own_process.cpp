#include "tests/bench/own_process.hpp"

#include <fcntl.h>
#include <stdexcept>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace moorage::bench {

namespace {

std::vector<std::string> argv_of(const std::string& role, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv{"/proc/self/exe", "--role", role};
  char path[4096];
  if (auto length = readlink("/proc/self/exe", path, sizeof path); length > 0)
    argv[0].assign(path, static_cast<std::size_t>(length));
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

} // namespace

own_process::pipes::pipes() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe");
  input_read = ends[0], input_write = ends[1];
  if (pipe2(ends, O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe");
  output_read = ends[0], output_write = ends[1];
}

own_process::pipes::~pipes() {
  for (int end : {input_read, input_write, output_read, output_write})
    if (end >= 0)
      close(end);
}

own_process::own_process(const std::string& role, const std::vector<std::string>& arguments)
    : process_({argv_of(role, arguments), {}, "/dev/stderr", pipes_.input_read, pipes_.output_write}) {
  close(std::exchange(pipes_.input_read, -1));
  close(std::exchange(pipes_.output_write, -1));
}

own_process::~own_process() {
  // It ends with its input; what it was serving then goes as it should.
  close(std::exchange(pipes_.input_write, -1));
  char rest;
  while (read(pipes_.output_read, &rest, 1) > 0)
    ;
}

std::string own_process::read_line() {
  std::string line;
  for (char next; read(pipes_.output_read, &next, 1) == 1; line += next)
    if (next == '\n')
      return line;
  throw std::runtime_error("the other process ended without an answer");
}

} // namespace moorage::bench
