#!/usr/bin/env bash
# lab/compose/run.sh COMMAND [srsran|ueransim|apd]: a 5G core, a gNB and UEs in containers, and our test against them.
#
#   up      start it, and return once the UE has its session (the first time fetches about 2 GB of images)
#   test    sell a slice in the running lab, and say what was measured
#   down    remove it, with everything in it
#   logs    what its parts said
#   config  show what compose makes of the files, start nothing
#
# `srsran` (the default) is Open5GS, srsRAN's gNB and srsUE over ZeroMQ; `ueransim` Open5GS and UERANSIM with two slices;
# `apd` is srsran with the daemon that is sold, a ledger, and a buyer behind the UE: there `test` buys.
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
case $lab in
  srsran | ueransim) files=(core "$lab" box) ;;
  apd) files=(core srsran box apd) ;;
  *) fail "there is no lab '$lab': srsran, ueransim or apd." ;;
esac

docker compose version >/dev/null 2>&1 || fail "'docker compose' is missing: install Docker and its compose plugin."
compose() {
  local options=() file
  for file in "${files[@]}"; do options+=(--file "$file.yaml"); done
  docker compose "${options[@]}" "$@"
}

has_sctp() { [ -e /proc/net/sctp ] || modprobe -q sctp 2>/dev/null || sudo -n modprobe -q sctp 2>/dev/null; }

# ---- In the lab `apd`: what a person with a modem does.
buy() {
  compose exec -T buyer python3 airgrant.py buy --json --wallet /shop/buyer.pem --interface tun_srsue \
    --cell 10.45.0.1 --down 2M
}

buy_and_move() {
  local said tries=3
  if ! said=$(buy); then
    case $said in
      *other_slice*) echo "ok    bought in the lobby's slice, and apd moved the subscriber" ;;
      *) fail "the purchase: $said" ;;
    esac
    compose up --detach --wait --wait-timeout 120 --force-recreate --no-deps ue sink buyer # it registers again
    until said=$(buy); do # apd looks at the core's lists each second
      [ $((tries -= 1)) -gt 0 ] || fail "the join after it registered again: $said"
      sleep 1
    done
  fi
  echo "ok    the buyer is let in"
}

case $command in
  up)
    has_sctp || fail "the kernel module sctp is not loaded: run  sudo modprobe sctp"
    [ "$lab" = ueransim ] || [ "$(nproc)" -ge 4 ] || echo "compose lab: srsRAN wants four processors, this has $(nproc)." >&2
    compose up --build --detach --wait --wait-timeout 300
    ;;
  test)
    [ "$lab" != apd ] || buy_and_move
    compose exec -T airgrant python3 -m lab.compose test --lab "$lab"
    ;;
  down) compose down --volumes --remove-orphans ;;
  logs) compose logs --no-color --timestamps ;;
  config) compose config ;;
esac
