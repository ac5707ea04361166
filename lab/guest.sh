#!/usr/bin/env bash
# lab/guest.sh COMMAND [ARGUMENT...]: run a command under a kernel of its own, which has virtual radios.
#
# Many kernels lack mac80211_hwsim, fq_codel or CAKE. So the distribution's own kernel package is fetched into
# build/guest (unpacked there, never installed) and booted by qemu over this machine's root file system, which the guest
# sees read-only by 9p; this repository's build/ is writable in it, and /tmp and /run are fresh. The command runs as root in
# the repository, with AIRGRANT_GUEST=1 and AIRGRANT_SANDBOX=1 set: the guest is a sandbox, whose end removes everything.
# What it writes, to either stream, arrives on the standard output as it is written.
#
#   --set-up     only fetch and install what is missing, boot nothing
#   AIRGRANT_GUEST_LIMIT_S   seconds until the guest is ended (900)
#   AIRGRANT_GUEST_CPUS      processors of the guest (those of this machine, at most 4)
#
# Exit status: that of the command; 3 there can be no guest here (it says what is missing); 124 it took too long.
# Without KVM the guest is emulated: a boot takes 25 s and everything in it is about fifteen times slower.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cache=build/guest
limit_s=${AIRGRANT_GUEST_LIMIT_S:-900}

say() { printf 'guest: %s\n' "$@" >&2; }
fail() {
  say "$@"
  exit 3
}

# ---- The kernel: the newest one of the distribution, out of its package.
fetch_kernel() {
  local meta image version packages folder
  [ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] ||
    fail "the guest is known to work on Debian and Ubuntu for amd64 only; this is $(uname -m)$(distribution)." \
      "Elsewhere: put a kernel with mac80211_hwsim, 9p and virtio at $cache/kernel/boot/vmlinuz-VERSION and its modules" \
      "below $cache/kernel/lib/modules/VERSION."
  meta=linux-image-amd64
  grep -q '^ID=ubuntu' /etc/os-release && meta=linux-image-generic
  image=$(apt-cache depends "$meta" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
  [ -n "$image" ] || fail "apt knows no package $meta: run 'apt-get update' as root, then this again."
  version=${image#linux-image-}
  packages=("$image")
  # Ubuntu has the modules in packages of their own, the radios among the extra ones.
  [ "$meta" = linux-image-amd64 ] || packages+=("linux-modules-$version" "linux-modules-extra-$version")
  folder=$cache/unpacking
  rm -rf "$folder" && mkdir -p "$folder/packages"
  say "fetching the kernel $version (once, into $cache) ..."
  (cd "$folder/packages" && apt-get -q download "${packages[@]}") >"$cache/fetch.log" 2>&1 ||
    fail "apt-get download ${packages[*]} failed:" "$(tail -n 5 "$cache/fetch.log")"
  for package in "$folder"/packages/*.deb; do
    dpkg-deb -x "$package" "$folder" || fail "cannot unpack $package"
  done
  rm -r "$folder/packages"
  [ -e "$folder/lib" ] || ln -s usr/lib "$folder/lib" # where newer packages have it
  depmod -b "$folder" "$version" || fail "depmod failed"
  [ -n "$(find "$folder/lib/modules/$version/" -name 'mac80211_hwsim.ko*')" ] || fail "$image has no mac80211_hwsim."
  rm -rf "$cache/kernel"
  mv "$folder" "$cache/kernel"
}

distribution() { (. /etc/os-release 2>/dev/null && echo ", $PRETTY_NAME") || true; }
kernel() { find "$cache/kernel/boot" -name 'vmlinuz-*' 2>/dev/null | sort -V | tail -n 1; }

set_up() {
  mkdir -p "$cache"
  lab/set-up.sh --guest || exit 3
  exec 8>"$cache/set-up.lock"
  flock 8
  [ -n "$(kernel)" ] || fetch_kernel
  exec 8>&-
}

# ---- KVM, only where it really runs something: a nested one may hang. The answer is kept.
accelerator() {
  local answer=$cache/accelerator
  if [ ! -e "$answer" ]; then
    echo --disable-kvm >"$answer"
    if [ -w /dev/kvm ]; then
      say "trying KVM ..."
      echo 'exit 0' >"$cache/nothing.sh"
      if boot 20 "$cache/nothing.sh" >/dev/null 2>&1; then : >"$answer"; fi
    fi
  fi
  cat "$answer"
}

# ---- Folders that are read often: vng's root file system caches nothing, and a Python start over it takes 6 s.
cached_folders() {
  printf '%s\n' "$PWD" /usr/bin /usr/sbin /usr/lib/x86_64-linux-gnu
  .venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))'
}

shared_folders() {
  local folder number=0
  while read -r folder; do
    printf -- '-virtfs local,path=%s,mount_tag=cached%d,security_model=none,readonly=on,multidevs=remap ' "$folder" $number
    number=$((number + 1))
  done < <(cached_folders)
}

# boot SECONDS SCRIPT [OPTION...]
boot() {
  local seconds=$1 script=$2 status=0
  shift 2
  PATH=$PWD/.venv/bin:$PATH timeout --kill-after=5 "$seconds" lab/sandbox.sh \
    vng --run "$(kernel)" --disable-microvm --force-9p "$@" \
    --memory 2G --cpus "$cpus" --user root --rwdir "$PWD/build" --qemu-opts="$(shared_folders)" \
    -- bash "$PWD/$script" </dev/null || status=$?
  return $status
}

run() {
  local script status=0
  cpus=${AIRGRANT_GUEST_CPUS:-$(nproc)}
  [ "$cpus" -le 4 ] || cpus=4
  # Compiled here, once, or each process in there would do it again, fifteen times slower.
  .venv/bin/python -m compileall -q -j0 -x '/(build|\.venv)/' . || true
  exec 9>"$cache/lock"
  flock -n 9 || { say "waiting for another guest to end"; flock 9; }
  script=$cache/command.sh
  write_script "$@" >"$script"
  read -r -a accelerator <<<"$(accelerator)"
  boot "$limit_s" "$script" "${accelerator[@]}" 2>&1 | cat || status=$? # qemu would cut a file, of either stream, at its beginning
  [ $status -ne 124 ] || say "ended after $limit_s s: it took too long (AIRGRANT_GUEST_LIMIT_S)."
  exit $status
}

# What the guest runs: the same folder and variables as here, the parts of a sandbox that a booted machine lacks.
write_script() {
  local folder number=0
  printf '%s\n' 'set -e' 'exec 2>&1' \
    'mkdir -p /run/netns /run/lock /run/build /tmp' \
    'ip link set lo up' \
    "mount --bind $(printf %q "$PWD/build") /run/build"
  while read -r folder; do
    printf 'mount -t 9p -o version=9p2000.L,trans=virtio,access=any,msize=524288,cache=loose,ro cached%d %q\n' \
      $number "$folder"
    number=$((number + 1))
  done < <(cached_folders)
  printf '%s\n' "mount --bind /run/build $(printf %q "$PWD/build")" \
    'export AIRGRANT_GUEST=1 AIRGRANT_SANDBOX=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp' \
    'export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin'
  printf 'export CI=%q COLUMNS=%q\n' "${CI:-}" "${COLUMNS:-}"
  printf 'cd %q\n' "$PWD"
  printf 'exec'
  printf ' %q' "$@"
  printf '\n'
}

[ $# -gt 0 ] || { echo "usage: lab/guest.sh --set-up | COMMAND [ARGUMENT...]" >&2; exit 2; }
set_up
[ "$1" = --set-up ] || run "$@"
