#!/usr/bin/env bash
# lab/set-up.sh: make this machine ready: system packages (apt), and .venv with the locked versions.
#
# With --guest also what the guest kernel and the Wi-Fi lab in it need (lab/guest.sh asks for it), with --go also a Go of
# any age, by which lab/go.sh fetches the pinned one, with --evm also node and npm, by which lab/evm.sh compiles Solidity,
# with --images also what installs and runs our packages in a clean root (images/debian/root.sh).
#
# Run it as often as you like: when nothing is missing it says nothing and takes a few milliseconds. It asks for sudo only
# when packages are missing and you are not root, and says first which ones and why. It starts no service.
# Debian 12 and 13, Ubuntu 24.04 and later; elsewhere install the programs of the table below yourself.
# Exit status: 0 ready, 3 something is missing that it cannot get.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

log=build/set-up.log
guest= go= evm= images=
[ "${1:-}" != --guest ] || guest=yes
[ "${1:-}" != --go ] || go=yes
[ "${1:-}" != --evm ] || evm=yes
[ "${1:-}" != --images ] || images=yes
venv=.venv
stamp=$venv/airgrant-stamp
rlm_rest=/usr/lib/freeradius/rlm_rest.so

say() { printf 'set-up: %s\n' "$@" >&2; }
fail() {
  say "$@"
  exit 3
}

# ---- What is needed: how to see it | the package | why.
needs() {
  cat <<TABLE
command:unshare|util-linux|the sandbox
command:ip|iproute2|network namespaces and interfaces
command:tc|iproute2|what we compare our shaper with
command:nft|nftables|the rules that tell sessions apart
command:ethtool|ethtool|offloads that would bypass the shaper
command:iperf3|iperf3|real traffic
command:ping|iputils-ping|stations whose traffic is counted
command:mosquitto|mosquitto|the MQTT broker between access points and ledger
file:$(postgresql_initdb)|postgresql|a ledger in a database; its own cluster is not used
command:freeradius|freeradius|the operator's RADIUS server
file:$rlm_rest|freeradius-rest|how it asks operatord
command:radclient|freeradius-utils|accounting, and Disconnect messages, right and wrong ones
command:eapol_test|eapoltest|a station's EAP-TLS, without a radio
command:hostapd|hostapd|the access point's side of 802.11, and of Disconnects
command:wpa_supplicant|wpasupplicant|the station's side
command:tshark|tshark|an independent look at every frame
command:prometheus|prometheus|reads the metrics of a box, and our alerts and dashboard
command:swtpm|swtpm|a TPM 2.0 in software
command:swtpm_setup|swtpm-tools|its first certificates
command:tpm2-abrmd|tpm2-abrmd|several programs at one software TPM
command:dbus-daemon|dbus-daemon|the bus on which they find it
file:$(multiarch libtss2-tcti-tabrmd.so.0)|libtss2-tcti-tabrmd0|their side of it
file:$(multiarch ossl-modules/tpm2.so)|tpm2-openssl|TLS with a key in the TPM
command:openssl|openssl|an independent look at certificates
command:systemd-analyze|systemd|what it says of the units in the docs
command:gcc|gcc|compiles the TPM library for Python
file:$(libc_header)|libc6-dev|the same
command:pkg-config|pkg-config|the same
pkg-config:tss2-esys|libtss2-dev|the same
pkg-config:tss2-tctildr|libtss2-dev|the same
file:$(python_header)|$python_package-dev|the same
module:ensurepip|$python_package-venv|the virtual environment
TABLE
  [ -z "$guest" ] || guest_needs
  [ -z "$go" ] || go_needs
  [ -z "$evm" ] || evm_needs
  [ -z "$images" ] || images_needs
}

guest_needs() {
  cat <<TABLE
command:qemu-system-x86_64|qemu-system-x86|the guest whose kernel has virtual radios
command:busybox|busybox-static|its first program
command:file|file|by which the guest's starter tells whether that program is static
command:kmod|kmod|its modules
command:iw|iw|virtual radios in namespaces
TABLE
}

go_needs() { echo "command:go|golang-go|fetches the Go that builds other people's programs for the tests"; }

evm_needs() {
  cat <<TABLE
command:node|nodejs|runs the compiler of Solidity
command:npm|npm|fetches that compiler and an EVM node
TABLE
}

images_needs() {
  cat <<TABLE
command:dpkg-deb|dpkg|looks into our packages
command:debootstrap|debootstrap|a clean root in which they are installed
command:systemd-nspawn|systemd-container|boots it
command:shellcheck|shellcheck|an independent look at the packages' scripts
command:chromium|chromium|the browser that looks at our pages
command:dockerd|docker.io|builds and runs the container images, in the sandbox
command:docker-compose|docker-compose|brings an operator's side up
TABLE
}

postgresql_initdb() {
  local found=(/usr/lib/postgresql/*/bin/initdb)
  echo "${found[-1]}"
}
multiarch() {
  local found=(/usr/lib/*/"$1")
  echo "${found[-1]}"
}
libc_header() { echo /usr/include/stdio.h; }
python_header() { "$python" -c 'import sysconfig; print(sysconfig.get_path("include") + "/Python.h")'; }

has() {
  case $1 in
    command:*) command -v "${1#*:}" >/dev/null || [ -x "/usr/sbin/${1#*:}" ] || [ -x "/sbin/${1#*:}" ] ;;
    file:*) [ -e "${1#*:}" ] ;;
    pkg-config:*) command -v pkg-config >/dev/null && pkg-config --exists "${1#*:}" ;;
    module:*) "$python" -c "import ${1#*:}" 2>/dev/null ;;
  esac
}

# ---- A Python that the locks serve.
find_python() {
  local candidate
  for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    candidate=$(command -v "$candidate") || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  say "Python 3.11 or later is needed; this machine has $(python3 --version 2>/dev/null || echo none)."
  fail "Debian 12 and Ubuntu 24.04 bring it. On an older system install it beside the present one, with its venv and" \
    "headers (python3.11 python3.11-venv python3.11-dev), and run this again: it is found by its name."
}

# ---- Long steps: one line on the terminal with the time, everything else in the log.
run_logged() {
  local what=$1 started=$SECONDS child status=0
  shift
  say "$what ..."
  set -m # a process group of its own, so that an interrupt can end all of it
  "$@" >>"$log" 2>&1 </dev/null &
  child=$!
  set +m
  trap 'kill -- -$child 2>/dev/null; exit 130' INT TERM
  if [ -t 2 ]; then
    while kill -0 $child 2>/dev/null; do
      printf '\r  %3d s  %.100s\033[K' $((SECONDS - started)) "$(tail -n 1 "$log" | tr -cd '[:print:]')" >&2
      sleep 0.5
    done
    printf '\r\033[K' >&2
  fi
  wait $child || status=$?
  trap - INT TERM
  if [ $status -ne 0 ]; then
    tail -n 25 "$log" >&2
    fail "$what: failed with status $status. The whole log is in $log."
  fi
}

# ---- System packages.
install_packages() {
  local missing packages become=()
  missing=$(missing_needs)
  [ -n "$missing" ] || return 0
  packages=$(cut -d'|' -f2 <<<"$missing" | sort -u | tr '\n' ' ')
  say "these system packages are missing:"
  sort -u -t'|' -k2,2 <<<"$missing" | awk -F'|' '{ printf "  %-18s %s\n", $2, $3 }' >&2
  command -v apt-get >/dev/null || fail "this is not Debian or Ubuntu: install what they provide, then run this again."
  if [ "$(id -u)" -ne 0 ]; then
    become=(sudo)
    command -v sudo >/dev/null || fail "as root, run:  apt-get install --no-install-recommends $packages"
    say "sudo is asked to install them:"
    sudo -v || fail "without sudo: as root, run  apt-get install --no-install-recommends $packages"
  fi
  run_logged "reading the package lists" apt_quietly "${become[@]}" -- update
  # shellcheck disable=SC2086  # a list of words
  run_logged "installing $packages" apt_quietly "${become[@]}" -- install --yes --no-install-recommends $packages
  missing=$(missing_needs)
  [ -z "$missing" ] || fail "still missing after apt-get: $(cut -d'|' -f1,2 <<<"$missing" | tr '\n' ' ')"
}

missing_needs() { needs | print_missing; }

print_missing() {
  local probe rest
  while IFS='|' read -r probe rest; do
    has "$probe" || echo "$probe|$rest"
  done
}

# apt_quietly [sudo] -- ARGUMENT...: no questions, and no service is started (mosquitto's would be).
apt_quietly() {
  local become=()
  while [ "$1" != -- ]; do
    become+=("$1")
    shift
  done
  shift
  "${become[@]}" env DEBIAN_FRONTEND=noninteractive sh -c '
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ] && [ "$1" = install ]; then
      printf "#!/bin/sh\nexit 101\n" >$policy && chmod 755 $policy
      trap "rm -f $policy" EXIT INT TERM
    fi
    [ "$1" = update ] || dpkg --configure -a || exit # an earlier run may have been interrupted
    apt-get -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" || exit
    if [ "$1" = install ] && [ -d /run/systemd/system ]; then
      for service in mosquitto freeradius tpm2-abrmd prometheus; do
        case " $* " in *" $service "*) systemctl disable --quiet $service.service || true ;; esac
      done
      case " $* " in *" docker.io "*) systemctl disable --quiet docker.service docker.socket containerd.service || true ;; esac
    fi
  ' apt_quietly "$@"
}

# ---- The virtual environment.
make_venv() {
  if [ -f "$venv/folder" ] && [ "$(cat "$venv/folder")" != "$PWD" ]; then
    rm -rf "$venv" # its commands name the folder that it was made in
  fi
  if ! "$venv/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    rm -rf "$venv"
    run_logged "making $venv with $("$python" --version)" "$python" -m venv "$venv"
  fi
  local pip=("$venv/bin/python" -m pip --disable-pip-version-check install --progress-bar off)
  run_logged "installing what compiles" "${pip[@]}" --require-hashes -r requirements-build.lock
  run_logged "installing $(grep -c == requirements.lock) locked packages (a minute or two; the TPM library is compiled)" \
    "${pip[@]}" --require-hashes --no-build-isolation -r requirements.lock
  run_logged "installing the commands apd and airgrant" \
    "${pip[@]}" --no-deps --no-build-isolation --config-settings editable_mode=compat --editable .
}

fingerprint() {
  { pwd && cat requirements.lock requirements-build.lock lab/set-up.sh && sed -n '/^\[project.scripts\]/,/^$/p' pyproject.toml; } |
    sha256sum | cut -d' ' -f1
}

venv_is_ready() { [ "$(cat $stamp 2>/dev/null)" = "$(fingerprint)" ] && [ -x $venv/bin/python ]; }

is_ready() {
  venv_is_ready || return 1
  local program
  for program in unshare ip tc nft ethtool iperf3 ping mosquitto swtpm swtpm_setup freeradius radclient eapol_test hostapd \
    wpa_supplicant tshark tpm2-abrmd prometheus; do
    has "command:$program" || return 1
  done
  has "file:$(multiarch ossl-modules/tpm2.so)" || return 1
  has "file:$rlm_rest" || return 1
  [ -z "$go" ] || has command:go || return 1
  [ -z "$evm" ] || { has command:node && has command:npm; } || return 1
  [ -z "$images" ] || [ -z "$(images_needs | print_missing)" ] || return 1
  [ -z "$guest" ] || [ -z "$(missing_guest_needs)" ]
}

missing_guest_needs() { guest_needs | print_missing; }

main() {
  is_ready && return
  mkdir -p build
  if command -v flock >/dev/null; then # two makes at once: the second waits, and finds everything done
    exec 9>build/set-up.lock
    flock -n 9 || { say "waiting for another set-up to end"; flock 9; }
    is_ready && return
  fi
  : >"$log"
  python=$(find_python)
  python_package=python3
  [[ $python =~ /usr/bin/(python3\.[0-9]+)$ ]] && python_package=${BASH_REMATCH[1]}
  install_packages
  if venv_is_ready; then return; fi
  make_venv
  pwd >"$venv/folder"
  fingerprint >$stamp
  say "ready ($SECONDS s)."
}

main "$@"
