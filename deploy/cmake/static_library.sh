#!/bin/sh
# Makes the static library fit to be installed: one object, in which the templates that many files have brought are
# there once and what nothing can reach is not at all, and of which a host sees what it sees of the shared library.
# (What is hidden would fill the archive's index; and groups that a host's own could take the place of are none any
# more, since hidden names cannot be found there. Nor has each function a section of its own, whose name and head take
# as much room as many a function; nor what is hidden its name, a quarter of the whole.)
#   static_library.sh LIBRARY LD OBJCOPY AR NM
set -euf
library=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/sections" <<'END'
SECTIONS
{
  .text : { *(.text .text.*) }
  .gcc_except_table : { *(.gcc_except_table .gcc_except_table.*) }
  .data.rel.ro : { *(.data.rel.ro .data.rel.ro.*) }
  .data : { *(.data .data.*) }
  .bss : { *(.bss .bss.*) }
  .tbss : { *(.tbss .tbss.*) }
  .rodata : { *(.rodata .rodata._Z* .rodata.CSWTCH*) }
}
END
"$2" -r --force-group-allocation --whole-archive "$library" -o "$folder/all.o"
"$3" --localize-hidden --strip-debug "$folder/all.o"
# The same names as the shared library's (exported_names).
"$3" -w $(sed -n 's/^  \(_Z.*\);$/--keep-global-symbol=\1/p' "${0%/*}/exported_names") "$folder/all.o"
# The linker asks for one root by name, besides all that is exported: the runtime's end, which every host calls.
"$2" -r --gc-sections --gc-keep-exported -u _ZN7moorage7runtimeD1Ev "$folder/all.o" -o "$folder/reached.o"
"$2" -r -T "$folder/sections" "$folder/reached.o" -o "$folder/moorage.o"
"$3" --strip-unneeded "$folder/moorage.o"
"$5" -f posix "$folder/moorage.o" | LC_ALL=C awk '$2 ~ /^[a-tx-z]$/ && !($1 in seen) { seen[$1]; printf "%s m%x\n", $1, ++n }' \
  >"$folder/names"
"$3" --redefine-syms="$folder/names" "$folder/moorage.o"
rm "$library"
"$4" rcsD "$library" "$folder/moorage.o"
chmod 644 "$library"
