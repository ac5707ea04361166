#!/usr/bin/env bash
# lab/compose/run.sh COMMAND [srsran|ueransim]: a 5G core, a gNB and UEs in containers, and our test against them.
#
#   up      start it, and return once the UE has its session (the first time fetches about 2 GB of images)
#   test    sell a slice in the running lab, and say what was measured
#   down    remove it, with everything in it
#   logs    what its parts said
#   config  show what compose makes of the files, start nothing
#
# `srsran` (the default) is Open5GS, srsRAN's gNB and srsUE over ZeroMQ; `ueransim` Open5GS and UERANSIM with two slices.
# Needs Docker with compose 2.24 or later, and the kernel module sctp. Nothing listens on the host.
# Exit status: that of compose; 3 something is missing (it says what).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

fail() {
  printf 'compose lab: %s\n' "$@" >&2
  exit 3
}

command=${1:-}
lab=${2:-srsran}
case $command in up | test | down | logs | config) ;; *) sed -n '2p' "${BASH_SOURCE[0]}" >&2 && exit 2 ;; esac
case $lab in srsran | ueransim) ;; *) fail "there is no lab '$lab': srsran or ueransim." ;; esac

docker compose version >/dev/null 2>&1 || fail "'docker compose' is missing: install Docker and its compose plugin."
compose() { docker compose --file core.yaml --file "$lab.yaml" --file box.yaml "$@"; }

has_sctp() { [ -e /proc/net/sctp ] || modprobe -q sctp 2>/dev/null || sudo -n modprobe -q sctp 2>/dev/null; }

case $command in
  up)
    has_sctp || fail "the kernel module sctp is not loaded: run  sudo modprobe sctp"
    [ "$lab" = ueransim ] || [ "$(nproc)" -ge 4 ] || echo "compose lab: srsRAN wants four processors, this has $(nproc)." >&2
    compose up --build --detach --wait --wait-timeout 300
    ;;
  test) compose exec -T airgrant python3 -m lab.compose test --lab "$lab" ;;
  down) compose down --volumes --remove-orphans ;;
  logs) compose logs --no-color --timestamps ;;
  config) compose config ;;
esac
