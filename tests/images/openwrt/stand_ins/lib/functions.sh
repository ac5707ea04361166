# Stands in for OpenWrt's /lib/functions.sh: settings as `uci export` says them become variables, and packages' scripts
# enable and start what they brought.
# A function, as busybox' shell would take its own applet before a file.
logger() { /usr/sbin/logger "$@"; }
config() {
	CONFIG_SECTION="${2:-cfg}"
}
option() {
	local name="CONFIG_${CONFIG_SECTION}_$1"
	shift
	eval "$name=\$*"
}
list() { option "$@"; }
package() { :; }
config_load() { eval "$(uci export "$1")"; }
config_get() { eval "$1=\${CONFIG_${2}_${3}:-\$4}"; }
config_get_bool() {
	local value
	config_get value "$2" "$3" "$4"
	case "$value" in
	1 | on | true | yes | enabled) value=1 ;;
	0 | off | false | no | disabled) value=0 ;;
	*) value="$4" ;;
	esac
	eval "$1=$value"
}
_listed() {
	local file
	for file in "/usr/lib/opkg/info/$pkgname.list" "/lib/apk/packages/$pkgname.list"; do
		[ ! -e "$file" ] || grep "^$1" "$file"
	done
}
default_postinst() {
	local file
	[ -n "$pkgname" ] || pkgname="$(basename "${1%.*}")"
	for file in $(_listed /etc/uci-defaults/); do
		(cd "$(dirname "$file")" && . "$file") && rm -f "$file"
	done
	for file in $(_listed /etc/init.d/); do
		[ "$PKG_UPGRADE" = 1 ] || "$file" enable
		"$file" start
	done
	return 0
}
default_prerm() {
	local file
	[ -n "$pkgname" ] || pkgname="$(basename "${1%.*}")"
	for file in $(_listed /etc/init.d/); do
		[ "$PKG_UPGRADE" = 1 ] || "$file" disable
		"$file" stop
	done
	return 0
}
