#!/bin/sh
# images/containers/packages.sh NAME...: Debian's packages into the image that is being built, and nothing that is left over.
#
# From /context/apt, what images/containers/fetch.sh fetched, or else from the image's own mirror.
set -eu
fetched=/context/apt
cat >/etc/dpkg/dpkg.cfg.d/airgrant <<WHAT
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/lintian/*
force-unsafe-io
WHAT
# No package starts its service.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
export DEBIAN_FRONTEND=noninteractive
set -- --option APT::Install-Recommends=false --option Debug::NoLocking=true install --yes "$@"
if [ -d "$fetched/lists" ]; then
  set -- --option Dir::State::Lists="$fetched/lists" --option Dir::Cache::Archives="$fetched/archives" "$@"
else
  apt-get update
fi
apt-get "$@"
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/cache/ldconfig/aux-cache
rm -f /var/log/*.log /var/log/apt/* /etc/machine-id /var/lib/dbus/machine-id
