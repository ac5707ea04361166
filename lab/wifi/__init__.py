"""The Wi-Fi lab: virtual radios in the guest kernel, stock hostapd, wpa_supplicant and FreeRADIUS, and our parts."""
