# Writes a copy of each C++ file with comments, strings and characters blanked and
# every line kept in its place, so that rules about code look at nothing but code.
# Reads file names; writes below the folder `to`. POSIX awk.

# Returns the line without what is not code; `inside` says what a line began in:
# "" (code), "*" (a block comment), or the end mark of a raw string.
function code_of(line,    out, start, mark) {
  out = ""
  while (line != "") {
    if (inside != "") {
      mark = inside == "*" ? "*/" : inside
      start = index(line, mark)
      if (!start) return out
      line = substr(line, start + length(mark))
      inside = ""
      continue
    }
    if (!match(line, /\/\/|\/\*|R"[^ ()\\]*\(|"|'/)) return out line
    out = out substr(line, 1, RSTART - 1)
    mark = substr(line, RSTART, RLENGTH)
    line = substr(line, RSTART + RLENGTH)
    if (mark == "//") return out
    if (mark == "/*") inside = "*"
    else if (mark ~ /^R"/) { out = out "\"\""; inside = ")" substr(mark, 3, length(mark) - 3) "\"" }
    else if (mark == "'" && out ~ /[0-9a-fA-F]$/ && line ~ /^[0-9a-fA-F]/) continue # a digit separator
    else { out = out mark mark; line = after_literal(line, mark) }
  }
  return out
}

function after_literal(line, mark,    c) {
  while (line != "") {
    c = substr(line, 1, 1)
    line = substr(line, c == "\\" ? 3 : 2)
    if (c == mark) break
  }
  return line
}

{
  path = $0
  target = to "/" path
  inside = ""
  printf "" > target
  while ((getline text < path) > 0) print code_of(text) > target
  close(path)
  close(target)
}
