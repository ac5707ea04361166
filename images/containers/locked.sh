#!/bin/sh
# images/containers/locked.sh LIST LOCK: those lines of a lock, versions and hashes, whose libraries a list names.
#
# Exit status: 0, or 1 if the lock has one of them not.
set -eu
awk -v names="$(tr '\n' ' ' <"$1")" '
  BEGIN { split(names, list, " "); for (i in list) wanted[list[i]] = 1 }
  /^[A-Za-z0-9]/ {
    split($1, parts, "==")
    sub(/\[.*/, "", parts[1])
    taken = parts[1] in wanted
    delete wanted[parts[1]]
  }
  taken
  END {
    for (name in wanted) {
      print "locked.sh: the lock has no " name | "cat 1>&2"
      failed = 1
    }
    exit failed
  }' "$2"
