"""Imports paho without `urllib.request`, which it wants for proxies alone: with all that this imports (HTTP, e-mail,
compression) it takes a megabyte and a half, and a box has little.

It changes nothing where PySocks is installed, as then paho does ask for proxies, or where somebody imported
`urllib.request` before. Whoever imports it afterwards gets the real one.
"""

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from types import ModuleType

_UNNEEDED = "urllib.request"


def import_paho() -> None:
    """Imports `paho.mqtt.client`, for everybody who does so later."""
    if _UNNEEDED in sys.modules or PathFinder.find_spec("socks") is not None:
        import_module("paho.mqtt.client")
        return
    sys.modules[_UNNEEDED] = ModuleType(_UNNEEDED)
    try:
        import_module("paho.mqtt.client")
    finally:
        del sys.modules[_UNNEEDED]
