#!/usr/bin/env bash
# lab/test.sh [ARGUMENT...]: pytest in the sandbox, and then the tests that need a kernel with radios in the guest.
#
# Without a test's path among the arguments both run; with paths, the guest is booted only for those in tests/guest.
# Everything runs even if something failed; the exit status says whether anything did. Where there can be no guest the
# last lines say so, and with CI=true that is a failure.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

guest_tests=(tests/guest)
# What this machine's kernel may lack is tried there too.
guest_tests+=(tests/system/test_shaper_kernel.py::test_a_flowtable_over_the_interface_is_refused_in_words)
ordinary=() guest=() options=()
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

failed=0
if [ ${#ordinary[@]} -gt 0 ]; then
  lab/sandbox.sh .venv/bin/python -m pytest -q "${options[@]}" "${ordinary[@]}" || failed=$?
fi
if [ ${#guest[@]} -gt 0 ]; then
  if lab/guest.sh --set-up; then
    echo "test: in the guest, under a kernel of its own ..."
    AIRGRANT_GUEST_LIMIT_S=${AIRGRANT_GUEST_LIMIT_S:-1800} lab/guest.sh .venv/bin/python -m pytest -q -p no:cacheprovider "${options[@]}" "${guest[@]}" || failed=$?
  elif [[ ${CI:-} =~ ^(1|true)$ ]]; then
    echo "test: FAILED: CI=true, and there can be no guest here: the lines above say what is missing." >&2
    failed=1
  else
    echo "test: NOT RUN: ${guest[*]}: there can be no guest here, the lines above say what is missing." >&2
  fi
fi
exit $failed
