# SPDX-License-Identifier: MIT
# What sysupgrade keeps of the box. The store is a chain that the ledger follows: whoever goes on from an older copy of it
# writes numbers that the ledger has already, which looks like fraud. So a system upgrade takes it with the daemon stopped,
# and a backup, of which nobody knows when it is put back, has neither it nor the software key that signed it.

airgrant_conffiles() {
	local list="$1" store key file
	store="$(uci -q get airgrant.files.store)"
	key="$(uci -q get airgrant.meter.software_key_file)"
	store="$(_airgrant_path "${store:-apd.sqlite}")"
	key="$(_airgrant_path "${key:-software-key.pem}")"
	if [ -n "$CONF_BACKUP" ] || [ "${CONF_BACKUP_LIST:-0}" = 1 ]; then
		_airgrant_drop "$list" "$store" "$store-wal" "$store-shm" "$store-journal" "$key"
		return 0
	fi
	# With the last connection SQLite moves what is in its log into the store; procd gives the daemon ten seconds.
	/etc/init.d/airgrant stop
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
		[ -e "$store-wal" ] || break
		sleep 1
	done
	for file in "$store-wal" "$store-shm" "$store-journal"; do
		[ -e "$file" ] || _airgrant_drop "$list" "$file"
	done
}

_airgrant_path() {
	case "$1" in
	/*) echo "$1" ;;
	*) echo "/etc/airgrant/$1" ;;
	esac
}

_airgrant_drop() {
	local list="$1" file
	shift
	for file in "$@"; do
		grep -vxF "$file" "$list" >"$list.airgrant"
		cat "$list.airgrant" >"$list"
	done
	rm -f "$list.airgrant"
}

sysupgrade_init_conffiles="$sysupgrade_init_conffiles airgrant_conffiles"
