#!/bin/sh
# Makes the static library fit to be installed: one object, in which the templates that many files have brought are there
# once, and of which a host sees what it sees of the shared library. (What is hidden would fill the archive's index; and groups that a host's own could take the place of are none any more,
# since hidden names cannot be found there. Nor has each function a section of its own, whose name and head take as much
# room as many a function.)
#   static_library.sh LIBRARY LD OBJCOPY AR
set -eu
library=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/sections" <<'END'
SECTIONS
{
  .text : { *(.text .text.*) }
  .data.rel.ro : { *(.data.rel.ro .data.rel.ro.*) }
  .rodata : { *(.rodata .rodata._Z*) }
}
END
"$2" -r --force-group-allocation -T "$folder/sections" --whole-archive "$library" -o "$folder/moorage.o"
"$3" --localize-hidden --strip-unneeded "$folder/moorage.o"
rm "$library"
"$4" rcsD "$library" "$folder/moorage.o"
chmod 644 "$library"
