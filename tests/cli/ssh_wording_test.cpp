// Errors of `moorage ssh` name options that its users know.
#include <catch2/catch.hpp>

#include "deploy/moorage/ssh_wording.hpp"

using moorage::cli::in_ssh_words;

TEST_CASE("settings in an error of moorage ssh are named by ssh's options first, and nothing else is") {
  CHECK(in_ssh_words("lumi: raise connect_timeout, or set key_files.") ==
        "lumi: raise ConnectTimeout (connect_timeout), or set IdentityFile (key_files).");
  CHECK(in_ssh_words("pool_size is 5") == "pool_size is 5"); // ssh has none
  for (const auto* each :
       {"cannot read /home/me/key_files/id", "cannot read key_files/id", "'key_files'",
        "\"send_env\" is down", "key_files-2", "my.key_files.example",
        "name it in key_files, or by IdentityFile in ~/.ssh/config", "[clusters.NAME] with ssh_host",
        "the server says \"set key_files, or known_hosts_files"})
    CHECK(in_ssh_words(each) == each);
  CHECK(in_ssh_words("set key_files; the server says key_files") ==
        "set IdentityFile (key_files); the server says key_files");
  // What follows the server's words is ours again.
  CHECK(
      in_ssh_words(
          "the server says \"key_files\"; set key_files; the server says \"macs\", raise connect_timeout") ==
      "the server says \"key_files\"; set IdentityFile (key_files); the server says \"macs\", raise "
      "ConnectTimeout "
      "(connect_timeout)");
}
