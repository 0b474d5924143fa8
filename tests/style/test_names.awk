# Prints path:line, a tab and the name of each test in C++ files, its string literals joined.

function literal_end(text) { return match(text, /^[^"]*"([^"\\]|\\.)*"([ \t]*"([^"\\]|\\.)*")*[ \t]*[,)]/) }

FNR == 1 { open = 0 }

/^(TEST_CASE|SCENARIO|TEST_CASE_METHOD)\(/ {
  open = 1
  where = FILENAME ":" FNR
  text = ""
}

open {
  line = $0
  sub(/^[ \t]+/, "", line)
  text = text line
  if (!literal_end(text)) next
  open = 0
  name = substr(text, 1, RLENGTH - 1)
  sub(/^[^"]*"/, "", name)
  sub(/"[ \t]*$/, "", name)
  gsub(/"[ \t]*"/, "", name)
  gsub(/\\"/, "\"", name)
  print where "\t" name
}
