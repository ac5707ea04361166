#!/usr/bin/env bash
# lab/sandbox.sh COMMAND [ARGUMENT...]: run a command in private mount, network and process namespaces.
#
# Inside, the caller is root, /run is an empty tmpfs (with /run/netns for `ip netns`), /sys shows the private network,
# and `lo` is up. When the command ends, or this script is killed in any way, the kernel removes every process,
# interface and namespace that was made inside. The exit status is the command's; 3 means that there is no sandbox here.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() {
  printf 'sandbox: %s\n' "$@" >&2
  exit 3
}

[ $# -gt 0 ] || { echo "usage: lab/sandbox.sh COMMAND [ARGUMENT...]" >&2; exit 2; }
[ "$(uname -s)" = Linux ] || fail "network namespaces need Linux; this is $(uname -s)."
for tool in unshare ip mount; do
  command -v "$tool" >/dev/null || fail "'$tool' is missing: run lab/set-up.sh."
done

python=$here/../.venv/bin/python
[ -x "$python" ] || python=$(command -v python3) || fail "python3 is missing."

namespaces=(--mount --propagation unchanged --net --pid) # made private inside, which also works in a chroot
if [ "$(id -u)" -eq 0 ]; then
  # The kernel loads these when first used, but only on behalf of the first namespace: ask while we still may.
  # Where a kernel has them built in, or has none, the capability probe inside says so.
  for module in ifb veth sch_htb sch_fq_codel sch_cake sch_tbf sch_ingress cls_matchall act_mirred nf_tables nft_fwd_netdev; do
    modprobe -q "$module" 2>/dev/null || true
  done
else
  namespaces=(--user --map-root-user "${namespaces[@]}")
fi

# ---- Say what is wrong before anything is started, with the setting that would mend it.
if ! why=$(unshare "${namespaces[@]}" true 2>&1); then
  switch() { cat "/proc/sys/$1" 2>/dev/null || true; }
  if [ "$(id -u)" -eq 0 ]; then
    fail "the kernel refuses namespaces even to root ($why)." \
      "In a container, start it with --privileged (or --cap-add SYS_ADMIN,NET_ADMIN)."
  elif [ "$(switch kernel/apparmor_restrict_unprivileged_userns)" = 1 ]; then
    fail "this kernel keeps user namespaces from ordinary users (AppArmor; Ubuntu 23.10 and later)." \
      "Allow them until the next boot:  sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" \
      "or run the same make command with sudo."
  elif [ "$(switch kernel/unprivileged_userns_clone)" = 0 ]; then
    fail "this kernel keeps user namespaces from ordinary users." \
      "Allow them until the next boot:  sudo sysctl -w kernel.unprivileged_userns_clone=1" \
      "or run the same make command with sudo."
  elif [ "$(switch user/max_user_namespaces)" = 0 ]; then
    fail "user namespaces are switched off." \
      "Allow them until the next boot:  sudo sysctl -w user.max_user_namespaces=10000" \
      "or run the same make command with sudo."
  else
    fail "the kernel refuses a user namespace ($why)." \
      "Run the same make command with sudo, or as root (in a chroot only root can)."
  fi
fi

exec unshare "${namespaces[@]}" -- "$python" -I "$here/sandbox_init.py" "$@"
