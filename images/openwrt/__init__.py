"""Packages for OpenWrt: a feed for its own build, and the same packages made here. Nobody imports this."""
