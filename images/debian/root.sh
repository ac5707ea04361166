#!/usr/bin/env bash
# images/debian/root.sh build|path: a clean Debian (or Ubuntu) root with what our packages depend on, in build/debian-root.
#
# Of the release that this machine runs, from the mirror that its apt uses. It is made once, in half a minute, as root, with a
# network; tests work on an overlay above it, so it stays clean. Nothing in it is started.
#
#   build   make it if it is not there yet; silent if it is
#   path    where it is
#
# Exit status: 0 it is there, 3 it cannot be made here (it says why).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

root=$PWD/build/debian-root
log=$PWD/build/debian-root.log
# What apt would fetch when the package is installed, and a Debian that boots.
packages=(systemd systemd-sysv)
wanted=(python3 python3-cryptography python3-paho-mqtt nftables iproute2 kmod tpm-udev)

say() { printf 'root: %s\n' "$@" >&2; }
fail() {
  say "$@"
  exit 3
}

mark() { printf '%s\n' "$1" "${packages[*]}" "${wanted[*]}" "$(uname -m)"; }

build() {
  local suite mirror started=$SECONDS
  suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  [ -n "${AIRGRANT_SANDBOX:-}" ] || lab/set-up.sh --images || exit 3
  [ "$(cat "$root/etc/airgrant-root" 2>/dev/null)" != "$(mark "$suite")" ] || return 0
  [ -z "${AIRGRANT_SANDBOX:-}" ] || fail "it is not there, and the sandbox has no network: run images/debian/root.sh build."
  [ "$(id -u)" -eq 0 ] || fail "only root can make one: sudo images/debian/root.sh build"
  [ -n "$suite" ] || fail "this is neither Debian nor Ubuntu."
  # shellcheck disable=SC2016  # apt's own placeholders
  mirror=$(apt-get indextargets --format '$(SITE) $(CODENAME) $(COMPONENT)' "Created-By: Packages" 2>/dev/null |
    awk -v suite="$suite" '$2 == suite && $3 == "main" { print $1; exit }')
  [ -n "$mirror" ] || fail "apt on this machine knows no mirror of $suite (run apt-get update)."
  mkdir -p build
  exec 9>build/debian-root.lock
  flock 9
  [ "$(cat "$root/etc/airgrant-root" 2>/dev/null)" != "$(mark "$suite")" ] || return 0
  say "making a clean $suite from $mirror (once, half a minute) ..."
  rm -rf "$root"
  nice debootstrap --variant=minbase --include="$(IFS=, && echo "${packages[*]}")" "$suite" "$root" "$mirror" >"$log" 2>&1 ||
    fail "debootstrap failed:" "$(tail -n 5 "$log")"
  install_wanted >>"$log" 2>&1 || fail "apt-get failed in it:" "$(tail -n 5 "$log")"
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
  mark "$suite" >"$root/etc/airgrant-root"
  say "made it ($((SECONDS - started)) s, $(du -sm "$root" | cut -f1) MB)."
}

# In mounts of its own, so that whatever happens nothing stays mounted: private ones, but in a chroot, whose root cannot be.
install_wanted() {
  # shellcheck disable=SC2016  # for the inner shell
  unshare --mount --pid --fork --propagation unchanged sh -euc '
    root=$1 && shift
    mount --make-rprivate / 2>/dev/null || trap "umount $root/proc" EXIT
    mount -t proc proc "$root/proc"
    printf "#!/bin/sh\nexit 101\n" >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d"
    chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
    rm "$root/usr/sbin/policy-rc.d"
  ' sh "$root" "${wanted[@]}"
}

case ${1:-} in
  build) build ;;
  path) echo "$root" ;;
  *)
    sed -n '2p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
