#!/bin/sh
# Makes the static library fit to be installed: one object, in which the templates that many files have brought are there once.
#   static_library.sh LIBRARY LD STRIP AR
set -eu
library=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$2" -r --whole-archive "$library" -o "$folder/moorage.o"
"$3" --strip-unneeded "$folder/moorage.o"
rm "$library"
"$4" rcsD "$library" "$folder/moorage.o"
