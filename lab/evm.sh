#!/usr/bin/env bash
# lab/evm.sh build: the Solidity twin of PayPlace, compiled, and the EVM node on which it is tried, both below build/evm.
#
# Compiler and node are packages of npm, pinned by version and checksum in ledger/evm/package-lock.json; node and npm come
# from Debian (lab/set-up.sh --evm). Registry and proxies are those of npm's own settings. At once and silent when nothing
# has changed. Needs a network when something is not yet there. Only x86-64: the node is a program for it.
# Exit status: 0 ready, 3 something cannot be had (it says what).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
store=$PWD/build/evm
from=ledger/evm

say() { printf 'evm: %s\n' "$@" >&2; }
fail() {
  say "$@"
  exit 3
}

fingerprint() { cat "$@" | sha256sum | cut -d' ' -f1; }
is_stamped() { [ "$(cat "$store/$1.stamp" 2>/dev/null)" = "$2" ]; }

get_packages() {
  local mark
  mark=$(fingerprint $from/package.json $from/package-lock.json)
  if is_stamped packages "$mark" && [ -d "$store/node_modules" ]; then return; fi
  [ -z "${AIRGRANT_SANDBOX:-}" ] || fail "the compiler is not there, and the sandbox has no network: run lab/evm.sh build."
  lab/set-up.sh --evm || exit 3
  cp $from/package.json $from/package-lock.json "$store/"
  say "fetching $(grep -c '"integrity"' $from/package-lock.json) packages ..."
  (cd "$store" && npm ci --no-audit --no-fund --ignore-scripts) >"$store/npm.log" 2>&1 ||
    fail "npm cannot install what the lock names:" "$(tail -n 20 "$store/npm.log")"
  chmod +x "$store"/node_modules/@foundry-rs/*/bin/*
  echo "$mark" >"$store/packages.stamp"
}

compile() {
  local mark
  mark=$(fingerprint $from/compile.js $from/package-lock.json $from/contracts/*.sol)
  if is_stamped contracts "$mark"; then return; fi
  node $from/compile.js $from/contracts "$store" >"$store/solc.log" 2>&1 || fail "the contracts do not compile:" "$(cat "$store/solc.log")"
  echo "$mark" >"$store/contracts.stamp"
}

[ "${1:-}" = build ] || {
  sed -n '2p' "${BASH_SOURCE[0]}" >&2
  exit 2
}
mkdir -p "$store"
exec 9>"$store/lock"
flock 9
get_packages
compile
