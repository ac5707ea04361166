#!/usr/bin/env bash
# lab/test.sh [ARGUMENT...]: pytest in the sandbox, and then the tests that need a kernel with radios in the guest.
#
# Without a test's path among the arguments both run; with paths, the guest is booted only for those in tests/guest.
# Without any argument everything runs, on two processors: in front the tests that are timed against this kernel, then the
# guest; beside them, in sandboxes of their own, first whole stories, which wait more than they work, then the plain tests,
# which need nothing of the machine. What ran beside is told when it has ended.
# Everything runs even if something failed; the exit status says whether anything did. The last lines name every test
# that failed, of all parts. Where there can be no guest they say so, and with CI=true that is a failure.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

guest_tests=(tests/guest)
# What this machine's kernel may lack is tried there too.
guest_tests+=(tests/system/test_shaper_kernel.py::test_a_flowtable_over_the_interface_is_refused_in_words)
long=(tests/lab/bench tests/lab/compose tests/lab/ran tests/system/test_lab_ledger.py tests/system/test_lab_pay.py)
long+=(tests/system/test_lab_admission.py tests/system/test_lab_auction.py tests/system/test_enrolment.py)
long+=(tests/docs/test_shop.py tests/images/test_containers.py tests/images/test_openwrt_libraries.py)
ordinary=() guest=() options=() beside=()
[ $# -gt 0 ] || beside=("${long[@]}")
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
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$logs"' EXIT
trap 'exit 130' INT # once what runs in front has ended: pytest hears it, too, and its summary is worth reading
colour=()
[ ! -t 1 ] || colour=(--color=yes) # pytest itself sees a pipe
failed=0

# part NAME COMMAND...: runs it, and keeps what it says.
part() {
  local name=$1
  shift
  "$@" "${options[@]}" 2>&1 | tee "$logs/$name"
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
  named=$(sed 's/\x1b\[[0-9;]*m//g; s/\r$//' "$logs/$name" | grep -aE '^(FAILED|ERROR) ' | awk '!seen[$0]++' | cut -c 1-200)
  echo "${named:-no test is named; it ended with:
$(tail -n 5 "$logs/$name")}"
}

lab/oracles.sh || true

pytest=(lab/sandbox.sh .venv/bin/python -m pytest -q "${colour[@]}")
if [ ${#beside[@]} -gt 0 ]; then
  "${pytest[@]}" "${beside[@]}" >"$logs/stories" 2>&1 &
  stories=$!
  { tail --sleep-interval=0.2 --pid="$stories" -f /dev/null && exec nice "${pytest[@]}" -m "not system" "${ordinary[@]}" "${beside[@]/#/--ignore=}"; } >"$logs/plain" 2>&1 &
  plain=$!
  mapfile -t marked < <(grep -rl --include='test_*.py' 'mark\.system' tests | sort) # a tenth of all, which take a minute to read
  part system "${pytest[@]}" -m system "${marked[@]}" "${beside[@]/#/--deselect=}"
  told stories "$stories"
elif [ ${#ordinary[@]} -gt 0 ]; then
  part ordinary "${pytest[@]}" "${ordinary[@]}"
fi
if [ ${#guest[@]} -gt 0 ]; then
  if lab/guest.sh --set-up; then
    echo "test: in the guest, under a kernel of its own ..."
    export AIRGRANT_GUEST_LIMIT_S=${AIRGRANT_GUEST_LIMIT_S:-1800}
    part guest lab/guest.sh .venv/bin/python -m pytest -q -p no:cacheprovider "${colour[@]}" "${guest[@]}"
  elif [[ ${CI:-} =~ ^(1|true)$ ]]; then
    echo "test: FAILED: CI=true, and there can be no guest here: the lines above say what is missing." >&2
    failed=1
  else
    echo "test: NOT RUN: ${guest[*]}: there can be no guest here, the lines above say what is missing." >&2
  fi
fi
[ ${#beside[@]} -eq 0 ] || told plain "$plain"
cat "$logs/failures" 2>/dev/null || true
exit $failed
