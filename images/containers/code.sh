#!/bin/sh
# images/containers/code.sh: our own packages and commands beside the libraries of /opt/box and /opt/operator.
#
# The tree is at /context. Byte code is as libraries.sh makes it.
set -eu
cd /context

# NAME MODULE FUNCTION: a command that sees our modules alone (-I).
command() {
  printf '#!/opt/airgrant/bin/python3 -I\nimport sys\n\nfrom %s import %s\n\nsys.exit(%s())\n' "$2" "$3" "$3" >"$folder/bin/$1"
  chmod 755 "$folder/bin/$1"
}

# finish MODULE...: ours, beside the libraries.
finish() {
  site=$folder/lib/python3.11/site-packages
  cp -r "$@" "$site"
  for module; do
    python3 -m compileall -q --invalidation-mode unchecked-hash -s "$folder" -p /opt/airgrant "$site/${module##*/}"
  done
  install -m 755 images/containers/health.py "$folder/bin/health"
  # Scripts of libraries name the folder in which they were made.
  for script in "$folder"/bin/*; do
    if [ -h "$script" ]; then continue; fi
    case $(head -n 1 "$script") in "#!$folder/"*) rm "$script" ;; esac
  done
  sed -i "s|$folder|/opt/airgrant|g" "$folder/pyvenv.cfg"
}

folder=/opt/box
python3 -m images.stage apd.__main__ /tmp/box
command apd apd.__main__ main
finish /tmp/box/*

folder=/opt/operator
command airgrant airgrant main
command operatord operatord.__main__ main
install -m 755 images/containers/operator-side "$folder/bin/operator-side"
finish airgrant.py wire market ledger nas_tunnel device operatord
rm -rf /tmp/box
