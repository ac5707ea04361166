#!/usr/bin/env bash
# images/containers/fetch.sh [NAME...]: what container images are made of, fetched before any is built, into build/containers.
#
#   base.tar    a minimal Debian 12, made by debootstrap: the base where no registry of images can be reached
#   apt         the packages that the Dockerfile names, with the lists that they were signed in
#   wheels      the libraries of operator.txt and box.txt, by the hashes of requirements.lock
#   lab         packages and libraries of the image `lab`, for whoever names it
#
# NAME is one of these; without names the first three. What is there already and was made for the same is kept; `rm -r
# build/containers` fetches newer packages. Needs root for all but wheels, and a network. Exit status: 0 there, 3 not (why).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
umask 022

release=bookworm # its Python is the one that the wheels are for
python=3.11
mirror=${AIRGRANT_DEBIAN_MIRROR:-http://deb.debian.org/debian}
here=images/containers
out=$PWD/build/containers
log=$out/fetch.log

say() { printf 'containers: %s\n' "$@" >&2; }
fail() {
  say "$@"
  exit 3
}

# once NAME WHAT-IT-IS-MADE-OF MAKE: runs MAKE unless NAME was made of the same before.
once() {
  local name=$1 mark=$2
  [ "$(cat "$out/$name.mark" 2>/dev/null)" != "$mark" ] || return 0
  [ -z "${AIRGRANT_SANDBOX:-}" ] || fail "$name is not there, and the sandbox has no network: run $here/fetch.sh."
  rm -rf "${out:?}/$name" "$out/$name.mark"
  "$3" >>"$log" 2>&1 || fail "$name cannot be had:" "$(tail -n 5 "$log")"
  echo "$mark" >"$out/$name.mark"
}

make_base() {
  [ "$(id -u)" -eq 0 ] || { echo "only root can make one: sudo $here/fetch.sh" && return 1; }
  local root=$out/root
  rm -rf "$root"
  nice debootstrap --variant=minbase "$release" "$root" "$mirror" || return 1
  printf 'deb %s %s main\ndeb %s %s-updates main\ndeb %s-security %s-security main\n' \
    "$mirror" "$release" "$mirror" "$release" "$mirror" "$release" >"$root/etc/apt/sources.list"
  rm -rf "$root"/usr/share/{doc,man,info,locale,lintian}/* "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* \
    "$root"/var/log/*.log "$root"/var/log/apt "$root"/etc/{hostname,resolv.conf,machine-id} "${root:?}"/dev/*
  tar --create --file "$out/base.tar" --directory "$root" --sort=name --numeric-owner --xattrs --mtime="@$(epoch)" .
}

epoch() { git log -1 --format=%ct 2>/dev/null || stat -c %Y apd/version.py; }

# By the base's own apt, with lists and packages in folders of ours.
make_apt() {
  # shellcheck disable=SC2046  # names are words
  fetch_packages "$out/apt" $(packages)
}

# fetch_packages FOLDER NAME...
fetch_packages() {
  local folder=$1 root=$out/root
  shift
  mkdir -p "$folder"/{lists,archives}/partial
  # shellcheck disable=SC2016  # for the inner shell
  unshare --mount --propagation unchanged sh -euc '
    root=$1 apt=$2 && shift 2
    mount --make-rprivate / 2>/dev/null || trap "umount $root/mnt" EXIT
    mount --bind "$apt" "$root/mnt"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    options="-o APT::Sandbox::User=root -o Dir::State::Lists=/mnt/lists -o Dir::Cache::Archives=/mnt/archives"
    chroot "$root" apt-get $options update
    chroot "$root" apt-get $options install --yes --download-only --no-install-recommends "$@"
    rm "$root/etc/resolv.conf"
  ' sh "$root" "$folder" "$@"
}

# What the Dockerfile installs by packages.sh.
packages() { sed -n 's/^RUN .*packages\.sh \([a-z0-9. +-]*\).*$/\1/p' $here/Dockerfile | tr ' ' '\n' | sort -u; }

make_wheels() {
  local list
  for list in operator box; do $here/locked.sh $here/$list.txt requirements.lock >"$out/$list.lock" || return 1; done
  cat "$out/operator.lock" "$out/box.lock" | awk '/^[A-Za-z0-9]/ { taken = !seen[$1]++ } taken' >"$out/all.lock"
  fetch_libraries "$out/wheels" --only-binary :all: --requirement "$out/all.lock"
}

# fetch_libraries FOLDER OPTION...
fetch_libraries() {
  local folder=$1 processor
  shift
  processor=$(uname -m)
  .venv/bin/python -m pip --disable-pip-version-check download --progress-bar off --no-deps --require-hashes --no-build-isolation \
    --implementation cp --python-version $python --abi cp${python/./} --abi abi3 --abi none --platform any \
    --platform "manylinux_2_36_$processor" --platform "manylinux_2_34_$processor" --platform "manylinux_2_28_$processor" \
    --platform "manylinux_2_17_$processor" --platform "manylinux2014_$processor" --platform "manylinux1_$processor" \
    --dest "$folder" "$@"
}

make_lab() {
  # shellcheck disable=SC2046  # names are words
  fetch_packages "$out/lab/apt" $(lab_packages) &&
    fetch_libraries "$out/lab/wheels" --requirement requirements.lock &&
    fetch_libraries "$out/lab/wheels" --requirement requirements-build.lock
}

# What lab.sh installs.
lab_packages() { cat $here/lab.txt && sed -n 's/^ *\/context\/packages\.sh \([a-z].*\)$/\1/p' $here/lab.sh; }

lab/set-up.sh --images || exit 3
mkdir -p "$out"
exec 9>"$out/lock"
flock 9
: >"$log"
[ $# -gt 0 ] || set -- base.tar apt wheels
started=$SECONDS
for name in "$@"; do
  case $name in
    base.tar) once base.tar "$release $mirror $(uname -m)" make_base ;;
    apt) once apt "$(stat -c %Y "$out/base.tar.mark" 2>/dev/null) $(packages | tr '\n' ' ')" make_apt ;;
    wheels) once wheels "$(cat requirements.lock $here/operator.txt $here/box.txt | sha256sum)" make_wheels ;;
    lab)
      mark="$(stat -c %Y "$out/base.tar.mark" 2>/dev/null) $(lab_packages | cat - requirements.lock requirements-build.lock | sha256sum)"
      once lab "$mark" make_lab
      ;;
    *) fail "there is no '$name'." ;;
  esac
done
[ $((SECONDS - started)) -lt 3 ] || say "fetched what images are made of ($((SECONDS - started)) s)."
