#!/bin/sh
# Writes a header as it is installed: what it includes of ours is found as <moorage/…>, whatever a host's own files are
# called. Lines keep their numbers.
#   public_header.sh FROM TO
set -eu
sed -E 's|^#include "(messages\|runtime)/(.*)"$|#include <moorage/\2>|' "$1" > "$2"
