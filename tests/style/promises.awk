# Checks tests/promises.md: each row of its tables names, in its last column, at least one test that exists. Reads the
# names of all tests (folder/name, one a line) and of all benches (bench/name), then the page; a name stands between
# backquotes, or fills the cell.

function fault(text) { printf "%s:%d: promises: %s\n", FILENAME, FNR, text }

function look_up(name) {
  if (!(name in exists)) fault("there is no such " (name ~ /^bench\// ? "bench: " : "test: ") name)
}

NR == FNR { exists[$0]; next }

!/^\|/ { heading = 1; next }
heading { heading = 0; next }
/^\|[-:| ]+$/ { next }

{
  cells = split($0, cell, /[ \t]*\|[ \t]*/)
  tests = cell[cells - 1]
  if (cells < 4 || cell[2] == "" || tests == "") {
    fault("a row is | promise | `folder/test name` |")
    next
  }
  if (tests !~ /`/) look_up(tests)
  for (rest = tests; match(rest, /`[^`]*`/); rest = substr(rest, RSTART + RLENGTH))
    look_up(substr(rest, RSTART + 1, RLENGTH - 2))
}
