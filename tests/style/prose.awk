# Checks that prose fills the width that clang-format gives to code: whole-line comments in C++, and the paragraphs and lists
# of Markdown. A line that is too long is a fault, and so is one that could have taken the first word of the next.
# `width`: the column limit. `language`: "cpp" or "md". Run with LC_ALL=C: characters are counted by their bytes.
#
# Deliberate breaks are left alone: what is indented or begins like a list in a comment, a line of a comment that ends a
# sentence or announces something, rulers, tables, headings and code.

function columns(text) { gsub(/[\200-\277]/, "", text); return length(text) }

function fault(text) { printf "%s:%d: prose: %s\n", FILENAME, FNR, text }

# `text` goes on in the paragraph of the line before, if there is one.
function look(line, text, goes_on) {
  split(text, words, " ")
  if (columns(line) > width && text ~ / /)
    fault("longer than " width " columns")
  if (goes_on && before > 0 && before + 1 + columns(words[1]) <= width)
    fault("\"" words[1] "\" has room on the line before")
  before = columns(line)
}

FNR == 1 { before = 0; fenced = 0; mark = ""; skipped = 0 }
/clang-format off/ { skipped = 1 }
/clang-format on/ { skipped = 0 }

language == "cpp" {
  if (skipped || !match($0, /^ *\/\/\/?( |$)/)) { before = 0; next }
  lead = substr($0, 1, RLENGTH)
  text = substr($0, RLENGTH + 1)
  listed = text ~ /^([-*+] |[0-9]+\. )/
  if (text == "" || text ~ /^ / || text ~ /^(clang-format|NOLINT|--)/) { before = 0; next }
  look($0, text, lead == mark && !listed)
  mark = lead
  if (text ~ /[.:?!)]$/) before = 0
  next
}

/^ *```/ { fenced = !fenced; before = 0; next }
fenced || /^    / || /^[|#<]/ || /^ *$/ { before = 0; next }
{
  text = $0
  sub(/^ +/, "", text)
  look($0, text, text !~ /^([-*+] |[0-9]+\. )/)
}
