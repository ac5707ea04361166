# Stands in for OpenWrt's procd.sh: what a script tells procd is written down, one call per line, words apart by 0x1f.
# Whatever the real one refuses or does not know is an error here.
_told() {
	local word line=
	for word in "$@"; do line="$line$word$(printf '\037')"; done
	printf '%s\n' "$line" >>/var/procd.log
}
procd_open_service() { _told open_service "$@"; }
procd_close_service() {
	_told open_trigger
	service_triggers
	_told close_service "$@"
}
procd_open_instance() { _told open_instance "$@"; }
procd_close_instance() { _told close_instance "$@"; }
procd_kill() { _told kill "$@"; }
procd_add_reload_trigger() { _told reload_trigger "$@"; }
procd_add_reload_interface_trigger() { _told reload_interface_trigger "$@"; }
procd_add_raw_trigger() { _told raw_trigger "$@"; }
procd_add_jail() { _told jail "$@"; }
procd_add_jail_mount() { _told jail_mount "$@"; }
procd_add_jail_mount_rw() { _told jail_mount_rw "$@"; }
procd_set_param() {
	case "$1" in
	command | netdev | file | respawn | env | limits | stdout | stderr | term_timeout | capabilities | no_new_privs | user | group)
		_told "$@"
		;;
	*)
		echo "procd: no parameter $1" >&2
		exit 1
		;;
	esac
}
