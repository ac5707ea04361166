#!/usr/bin/env bash
# tests/oracles/uci/build.sh build|path: OpenWrt's own uci, from the sources that the crate libuci-sys has with it.
#
# cargo fetches the crate (nothing of Rust is built), its checksum is held against the one below, and a C compiler makes one
# program of libuci, its command and the parts of libubox that they use: build/uci/uci. Exit status: 0 it is there, 3 why not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

crate=libuci-sys version=1.0.5
checksum=544c17966d9131e80b3616783974a31b526197ca5b56948bb130eeb6c04fbaf1
folder=$PWD/build/uci

fail() {
  printf 'uci: %s\n' "$@" >&2
  exit 3
}

build() {
  local part source archive tool
  [ "$(cat "$folder/stamp" 2>/dev/null)" != "$version $checksum" ] || return 0
  for tool in cargo gcc; do command -v "$tool" >/dev/null || fail "$tool is missing."; done
  [ -z "${AIRGRANT_SANDBOX:-}" ] || fail "the sandbox has no network: run tests/oracles/uci/build.sh build."
  mkdir -p build
  exec 9>build/uci.lock
  flock 9
  [ "$(cat "$folder/stamp" 2>/dev/null)" != "$version $checksum" ] || return 0
  part=$folder.part
  rm -rf "$folder" "$part" && mkdir -p "$part/fetch/src"
  printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2018"\n[dependencies]\n%s = "=%s"\n' "$crate" "$version" >"$part/fetch/Cargo.toml"
  touch "$part/fetch/src/lib.rs"
  (cd "$part/fetch" && CARGO_HOME=$part/cargo cargo fetch --quiet) >"$part/log" 2>&1 || fail "cargo cannot fetch $crate:" "$(tail -n 3 "$part/log")"
  archive=$(echo "$part"/cargo/registry/cache/*/"$crate-$version.crate")
  [ "$(sha256sum "$archive" | cut -d' ' -f1)" = "$checksum" ] || fail "$crate $version has another checksum than $checksum."
  source=$part/$crate-$version
  tar -x -z -f "$archive" -C "$part"
  : >"$part/uci_config.h"
  gcc -O1 -w -std=gnu99 -I"$source" -I"$source/uci" -I"$part" -DUCI_PREFIX='""' -o "$part/uci" \
    "$source"/uci/{libuci,file,util,delta,parse,blob,cli}.c "$source"/libubox/{blob,blobmsg,utils,md5,avl,avl-cmp}.c >>"$part/log" 2>&1 ||
    fail "it does not build:" "$(tail -n 3 "$part/log")"
  rm -rf "$part/cargo" "$part/fetch" "$source"
  echo "$version $checksum" >"$part/stamp"
  mv "$part" "$folder"
}

case ${1:-} in
  build) build ;;
  path) echo "$folder/uci" ;;
  *)
    sed -n '2p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
