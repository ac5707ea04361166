#!/usr/bin/env bash
# lab/test.sh [ARGUMENT...]: pytest in the sandbox, and then the tests that need a kernel with radios in the guest.
#
# Without a test's path among the arguments both run; with paths, the guest is booted only for those in tests/guest.
# Without any argument everything runs, on two processors: system tests, which wait more than they work, file by file in two
# sandboxes at a time, then the guest; beside them the plain tests, which need nothing of the machine and step back for the
# others. What ran beside is told when it has ended.
# Everything runs even if something failed; the exit status says whether anything did. The last lines name every test
# that failed, of all parts. Where there can be no guest they say so, and with CI=true that is a failure.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

guest_tests=(tests/guest)
# What this machine's kernel may lack is tried there too.
guest_tests+=(tests/system/test_shaper_kernel.py::test_a_flowtable_over_the_interface_is_refused_in_words)
# Whole stories: each of them is played alone in its sandbox, the longest first.
stories=(tests/system/test_lab_auction.py tests/system/test_lab_ledger.py tests/images/test_containers.py)
stories+=(tests/system/test_lab_pay.py tests/lab/bench tests/lab/compose tests/lab/ran tests/system/test_demo.py)
stories+=(tests/docs/test_shop.py tests/system/test_lab_admission.py tests/images/test_openwrt_libraries.py)
stories+=(tests/system/test_enrolment.py)
ordinary=() guest=() options=() whole=
[ $# -gt 0 ] || whole=yes
for argument in "$@"; do
  case $argument in
    tests/guest*) guest+=("$argument") ;;
    *tests/* | tests | *.py) ordinary+=("$argument") ;;
    *) options+=("$argument") ;;
  esac
done
if [ ${#ordinary[@]} -eq 0 ] && [ ${#guest[@]} -eq 0 ]; then
  ordinary=(tests)
  guest=("${guest_tests[@]}")
fi

logs=$(mktemp -d)
plain=
trap 'end_all $$; rm -rf "$logs"' EXIT
trap '[ -z "$plain" ] || told plain "$plain"; exit 130' INT # each pytest hears it, too, and its summary is worth reading

# end_all PROCESS: all that it started, whoever starts others first.
end_all() {
  local status child
  while read -r status; do
    child=${status//[!0-9]/}
    kill -STOP "$child" && end_all "$child"
    kill "$child" && kill -CONT "$child"
  done < <(grep -lP "^PPid:\t$1$" /proc/[0-9]*/status)
} 2>/dev/null

[ ! -t 1 ] || export PY_COLORS=1 # pytest itself sees a pipe
failed=0

# part NAME COMMAND...: runs it, and keeps what it says.
part() {
  local name=$1
  shift
  "$@" "${options[@]}" 2>&1 | tee --ignore-interrupts "$logs/$name"
  ended "$name" "${PIPESTATUS[0]}"
}

ended() {
  local name=$1 status=$2
  [ "$status" -eq 0 ] || {
    failed=$status
    name_failures "$name" "$status" >>"$logs/failures"
  }
}

# told NAME PROCESS: what ran beside, once it has ended.
told() {
  local name=$1 status=0
  wait "$2" || status=$?
  echo "test: the $name part, which ran beside the others:"
  cat "$logs/$name"
  ended "$name" "$status"
}

# One line for each test that failed, as pytest's own summary has it.
name_failures() {
  local name=$1 status=$2 named
  echo "test: failed of the $name part, exit status $status:"
  named=$(failures "$logs/$name" | awk '!seen[$0]++' | cut -c 1-200)
  echo "${named:-no test is named; it ended with:
$(tail -n 5 "$logs/$name")}"
}

failures() { sed 's/\x1b\[[0-9;]*m//g; s/\r$//' "$1" | grep -aE '^(FAILED|ERROR) '; }

lab/oracles.sh || true

pytest=(lab/sandbox.sh .venv/bin/python -m pytest -q)

# What system tests are run with, a line for each sandbox: stories, then the other files that have such tests, four at a time.
system_lines() {
  printf '%s\n' "${stories[@]}"
  grep -rl --include='test_*.py' 'mark\.system' tests | grep -vFf <(printf '%s\n' "${stories[@]}") | sort |
    paste -d ' ' - - - - | sed 's/^/-m system /; s/ *$//'
}

# one ARGUMENT...: in a sandbox of its own; what it said is told when it has ended, and whoever failed has a name.
one() {
  local said status=0
  echo "test: $* ..."
  said=$(mktemp -p "$logs")
  lab/sandbox.sh .venv/bin/python -m pytest -q "$@" >"$said" 2>&1 || status=$?
  if [ "$status" -ne 0 ]; then
    failures "$said" | grep -q . || echo "ERROR $* - exit status $status: $(tail -n 1 "$said")" >>"$said"
    touch "$logs/some-failed"
  fi
  flock "$logs" cat "$said"
}

# Two at a time, until there are no more or somebody interrupts.
run_system() {
  local line stop=
  trap 'stop=yes' INT
  while [ -z "$stop" ] && read -r line; do
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
    # shellcheck disable=SC2086  # words
    [ -n "$stop" ] || one $line &
  done < <(system_lines)
  while [ -n "$(jobs -rp)" ]; do wait; done
  [ ! -e "$logs/some-failed" ]
}

if [ -n "$whole" ]; then
  nice "${pytest[@]}" -m "not system" tests "${stories[@]/#/--ignore=}" >"$logs/plain" 2>&1 &
  plain=$!
  part system run_system
elif [ ${#ordinary[@]} -gt 0 ]; then
  part ordinary "${pytest[@]}" "${ordinary[@]}"
fi
if [ ${#guest[@]} -gt 0 ]; then
  if lab/guest.sh --set-up; then
    echo "test: in the guest, under a kernel of its own ..."
    export AIRGRANT_GUEST_LIMIT_S=${AIRGRANT_GUEST_LIMIT_S:-1800}
    part guest lab/guest.sh .venv/bin/python -m pytest -q -p no:cacheprovider ${PY_COLORS:+--color=yes} "${guest[@]}"
  elif [[ ${CI:-} =~ ^(1|true)$ ]]; then
    echo "test: FAILED: CI=true, and there can be no guest here: the lines above say what is missing." >&2
    failed=1
  else
    echo "test: NOT RUN: ${guest[*]}: there can be no guest here, the lines above say what is missing." >&2
  fi
fi
[ -z "$whole" ] || told plain "$plain"
cat "$logs/failures" 2>/dev/null || true
exit $failed
