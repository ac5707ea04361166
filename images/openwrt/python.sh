#!/usr/bin/env bash
# images/openwrt/python.sh build|path VERSION: a CPython of that version for byte-code and tests, as OpenWrt's releases have it.
#
# The machine's own if it is of that version; else, for 3.13, Debian 13's, fetched by apt from this machine's mirror of
# Debian and unpacked below build/ (nothing is installed). It runs with its own C library.
#
#   build   have it; silent if it is there
#   path    where it is, if it is there
#
# Exit status: 0 it is there, 3 it cannot be had here (it says why).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version=${2:-}
root=$PWD/build/python$version
packages=(python3.13-minimal libpython3.13-minimal libpython3.13-stdlib libc6 libexpat1 zlib1g libssl3t64 libsqlite3-0 libffi8
  libbz2-1.0 liblzma5 libuuid1 libreadline8t64 libtinfo6 libzstd1 libcrypt1 libgcc-s1)

say() { printf 'python: %s\n' "$@" >&2; }
fail() {
  say "$@"
  exit 3
}

own() {
  local candidate
  for candidate in "python$version" python3 ~/.pyenv/versions/"$version".*/bin/python; do
    candidate=$(command -v "$candidate") || continue
    [ "$("$candidate" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$version" ] || continue
    echo "$candidate"
    return
  done
  return 1
}

find_it() { own || { [ -x "$root/python" ] && echo "$root/python"; }; }

build() {
  local work keyring=/usr/share/keyrings/debian-archive-keyring.gpg options
  find_it >/dev/null && return
  [ "$version" = 3.13 ] || fail "no Python $version is here, and only 3.13 can be fetched."
  [ -z "${AIRGRANT_SANDBOX:-}" ] || fail "the sandbox has no network: run images/openwrt/python.sh build $version."
  [ -r "$keyring" ] || fail "$keyring is missing (package debian-archive-keyring)."
  command -v dpkg-deb >/dev/null || fail "dpkg-deb is missing."
  mkdir -p build
  exec 9>"build/python$version.lock"
  flock 9
  find_it >/dev/null && return
  say "fetching Python $version of Debian 13 (once, 15 MB and its list of packages) ..."
  rm -rf "$root" "$root.part"
  work=$root.part/apt
  mkdir -p "$work"/{state/lists/partial,cache/archives/partial} "$root.part/root"
  echo "deb [signed-by=$keyring] http://deb.debian.org/debian trixie main" >"$work/sources.list"
  options=(-o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State=$work/state"
    -o "Dir::Cache=$work/cache" -o Dir::State::status=/dev/null -o Acquire::Languages=none -o APT::Sandbox::User=
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
  (apt-get "${options[@]}" update && cd "$work" && apt-get "${options[@]}" download "${packages[@]}") >"$root.part/log" 2>&1 ||
    fail "apt cannot fetch it:" "$(tail -n 3 "$root.part/log")"
  local package
  for package in "$work"/*.deb; do dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root.part/root" --no-same-owner; done
  rm -rf "$work"
  # In its own place, so that what it starts by `sys.executable` runs as it does.
  mv "$root.part/root/usr/bin/python3.13" "$root.part/root/usr/bin/python3.13.bin"
  cat >"$root.part/root/usr/bin/python3.13" <<'RUN'
#!/bin/sh
# Python of another Debian with the C library that it was built for.
me=$(readlink -f "$0")
root=${me%/usr/bin/python3.13}
for loader in "$root"/lib64/ld-linux-*.so.* "$root"/usr/lib64/ld-linux-*.so.* "$root"/usr/lib/*/ld-linux-*.so.*; do [ -e "$loader" ] && break; done
for folder in "$root"/usr/lib/*-linux-gnu; do break; done
exec "$loader" --argv0 "$me" --library-path "$folder" "$me.bin" "$@"
RUN
  chmod 755 "$root.part/root/usr/bin/python3.13"
  ln -s root/usr/bin/python3.13 "$root.part/python"
  mv "$root.part" "$root"
  "$root/python" -I -c 'import asyncio, sqlite3, ssl' || fail "it does not run here."
}

case ${1:-} in
  build) build ;;
  path) find_it || exit 3 ;;
  *)
    sed -n '2p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
