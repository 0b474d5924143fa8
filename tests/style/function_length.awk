# Names every function longer than `max` lines. Reads what code_only.awk wrote
# (one file's lines at a time) and follows the braces: a function is what opens
# after a parameter list, outside any other function; a namespace or a class only
# contains. Its length runs from the line its head begins on to its last brace.

function opening(    head) {
  if (kind[depth] == "function" || kind[depth] == "within") return "within"
  head = text
  while (gsub(/<[^<>]*>/, " ", head)) { } # template arguments say "class" too
  if (head ~ /(^|[^A-Za-z_0-9])(namespace|class|struct|union|enum|extern)([^A-Za-z_0-9]|$)/ && head !~ /\(/) return "scope"
  # `a_{a}` in a constructor's list of initialisers is not yet the body.
  if (head ~ /\)[^()]*[^:]:[^:].*[A-Za-z_0-9>] *$/ && head !~ /(const|noexcept|override|final) *$/) return "initialiser"
  return head ~ /\)/ ? "function" : "initialiser"
}

function take(c) {
  if (c == "{") {
    depth++
    kind[depth] = "" # opening() looks at the one around
    depth--
    next_kind = opening()
    depth++
    kind[depth] = next_kind
    if (next_kind == "function") { began = head_line; name = text }
    if (next_kind == "initialiser") text = text "{"
    else if (next_kind != "within") text = ""
  } else if (c == "}") {
    if (kind[depth] == "function") {
      if (FNR - began + 1 > max) {
        gsub(/[ \t]+/, " ", name)
        printf "%s:%d: function-length: %d lines, at most %d:%s\n", FILENAME, began, FNR - began + 1, max, substr(name, 1, 60)
      }
      text = ""
    } else if (kind[depth] == "initialiser") text = text "}"
    else if (kind[depth] == "scope") text = ""
    if (depth > 0) depth--
  } else if (kind[depth] != "function" && kind[depth] != "within") text = "" # a semicolon
}

FNR == 1 { depth = 0; text = ""; kind[0] = "scope"; continued = 0 }
continued || /^[ \t]*#/ { continued = /\\$/; next }
{
  line = $0
  while (match(line, /[{};]/)) {
    add(substr(line, 1, RSTART - 1))
    take(substr(line, RSTART, 1))
    line = substr(line, RSTART + 1)
  }
  add(line)
  # A macro on lines of its own, such as a registration, is over at its bracket.
  if (text ~ /^[ \t]*[A-Z][A-Z_0-9]+\(.*\)[ \t]*$/ && gsub(/\(/, "(", text) == gsub(/\)/, ")", text)) text = ""
}

function add(piece) {
  if (kind[depth] == "function" || kind[depth] == "within") return
  if (text ~ /^[ \t]*$/ && piece !~ /^[ \t]*$/) head_line = FNR
  text = text " " piece
}
