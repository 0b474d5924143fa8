# Checks who includes whom. Reads all C++ files (paths relative to the root).
# Dependencies point one way; libssh stays in runtime/ssh/ and the tests; and the
# pool core and its policies must not see CAF, libssh or a clock, not even through another header. A policy does not see
# the core.

function fault(file, line, text) { printf "%s:%d: includes: %s\n", file, line, text }

function part(path) { sub(/\/.*/, "", path); return path }

BEGIN {
  sees["messages"] = "messages"
  sees["actors"] = "actors messages"
  sees["runtime"] = "runtime actors messages"
  sees["deploy"] = "deploy runtime actors messages"
  sees["tests"] = "tests deploy runtime actors messages"
}

/_clock *:: *now *\(/ && !/^ *\/\// { clock[FILENAME] = FNR }

/^[ \t]*#[ \t]*include/ {
  target = $0
  sub(/^[ \t]*#[ \t]*include[ \t]*/, "", target)
  own = target ~ /^"/
  sub(/^[<"]/, "", target)
  sub(/[>"].*$/, "", target)
  count[FILENAME]++
  included[FILENAME, count[FILENAME]] = target
  line_of[FILENAME, count[FILENAME]] = FNR
  if (own) {
    if (target !~ /\//) fault(FILENAME, FNR, "\"" target "\": write the path from the root, as \"actors/x.hpp\"")
    else if (FILENAME ~ /^deploy\/demonstration\// && target ~ /^tests\/support\//) { } # it shows the pools on a throwaway sshd
    else if (index(" " sees[part(FILENAME)] " ", " " part(target) " ") == 0)
      fault(FILENAME, FNR, part(FILENAME) "/ must not include " part(target) "/: dependencies point the other way")
    else if (FILENAME ~ /^actors\/pool\/policies\// && target ~ /^actors\/pool\/core/)
      fault(FILENAME, FNR, "a policy must not see the core: give it the few values that it needs")
  } else if (target ~ /^libssh/ && FILENAME !~ /^(runtime\/ssh|tests)\//)
    fault(FILENAME, FNR, "only runtime/ssh/ may see libssh")
}

# What the core sees, it sees through any chain of headers of ours.
function follow(from, file, chain,    i, target) {
  if ((from, file) in seen) return
  seen[from, file] = 1
  if (file in clock) fault(file, clock[file], "the pool core must not see a clock (" chain ")")
  for (i = 1; i <= count[file]; i++) {
    target = included[file, i]
    if (target ~ /^(caf|libssh)\// || target ~ /^(random|thread|mutex|atomic|condition_variable|future)$/)
      fault(file, line_of[file, i], "the pool core must not see <" target "> (" chain ")")
    else follow(from, target, chain " > " target)
  }
}

END {
  for (i = 1; i < ARGC; i++)
    if (ARGV[i] ~ /^actors\/pool\/(core|protocol|policies\/)/) follow(ARGV[i], ARGV[i], ARGV[i])
}
