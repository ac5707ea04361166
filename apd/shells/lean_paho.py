"""Imports paho without what it wants for proxies (`urllib.request`) and for SRV records (`dns`), which a box uses for
nothing: with all that they import (HTTP, e-mail, compression) they take megabytes, and a box has little.

Paho does get `urllib.request` where PySocks is installed, as then it does ask for proxies, and whatever somebody
imported before. Whoever imports one of them afterwards gets the real one.
"""

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from types import ModuleType
from typing import cast


def import_paho() -> None:
    """Imports `paho.mqtt.client`, for everybody who does so later."""
    absent = cast("ModuleType", None)  # what `import` takes for a module that is not there
    hidden = {"dns": absent}
    if PathFinder.find_spec("socks") is None:
        hidden["urllib.request"] = ModuleType("urllib.request")
    hidden = {name: stand_in for name, stand_in in hidden.items() if name not in sys.modules}
    sys.modules.update(hidden)
    try:
        import_module("paho.mqtt.client")
    finally:
        for name in hidden:
            del sys.modules[name]
