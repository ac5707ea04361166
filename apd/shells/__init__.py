"""The daemon's outside worlds, one file each: a shell turns bytes into events and orders into bytes and decides
nothing.
"""
