"""The packages of OpenWrt: what each is called, says of itself and depends on, and the configuration for nfpm.

Pure tables and values. The feed's Makefile says the same in its own words; a test holds one against the other.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MAINTAINER = "Airgrant <airgrant@airgrant.example>"
HOMEPAGE = "https://airgrant.example"
SETTINGS = "/etc/config/airgrant"
SPLIT_PYTHON = (
    "python3-asyncio",
    "python3-codecs",
    "python3-logging",
    "python3-openssl",
    "python3-sqlite3",
    "python3-urllib",
)
"""asyncio, ssl and sqlite3 are ours; logging is asyncio's, urllib paho's, whose own package does not say so. Sockets
and TLS encode every name by the codec `idna`, which wants `unicodedata` of codecs when it is first used, not before.
"""
KERNEL = ("kmod-ifb", "kmod-nft-netdev", "kmod-sched-core")
"""The intermediate device, the hooks that count, and HTB."""
PYTHONS = {"ipk": ("3.11", "3.12"), "apk": ("3.13", "3.14")}
"""CPython of the releases that take such packages (24.10; 25.12), and the next, where its byte-code is nothing."""
ARCHITECTURES = {"ipk": "all", "apk": "noarch"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Of one package."""

    name: str
    title: str
    description: str
    depends: tuple[str, ...]
    section: str = "net"
    has_settings: bool = False


RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "airgrant-apd",
            "Sells an access point's airtime",
            "The daemon that shows strangers a signed price, lets in who has bought, gives each exactly the rate that "
            "was bought, and counts what each one got. Nothing is started before its owner says so: apd uci setup",
            (*SPLIT_PYTHON, "python3-cryptography", "python3-paho-mqtt", "nftables", *KERNEL),
            has_settings=True,
        ),
        Recipe(
            "airgrant-apd-cell",
            "Sells slices of a small cell",
            "What a box needs beside airgrant-apd where a gNB and a core run on it or beside it: section cell.",
            ("airgrant-apd",),
        ),
        Recipe(
            "airgrant-apd-tpm",
            "Has a TPM on SPI sign what was delivered",
            "The kernel's driver of a TPM 2.0 on SPI, for airgrant-apd, which speaks to it by itself.",
            ("airgrant-apd", "kmod-tpm-tis-spi"),
        ),
        Recipe(
            "luci-app-airgrant",
            "LuCI page of airgrant-apd",
            "Offer, price, sessions, earnings and settings of the box in LuCI.",
            ("airgrant-apd", "luci-base"),
            section="luci",
        ),
    )
}
SOURCES = {name: f"{name}-src" for name in ("airgrant-apd", "airgrant-apd-cell")}
"""The twin with the sources of a package's byte-code."""


def nfpm_config(package: str, form: str, version: str, release: str, folder: Path) -> str:
    """The configuration of nfpm for the root in `folder`, as JSON, which is YAML."""
    twin = next((name for name, sources in SOURCES.items() if sources == package), None)
    recipe = RECIPES[twin or package]
    first, after = PYTHONS[form]
    if twin is not None:
        depends = [twin]
    elif recipe.depends[0] in RECIPES:
        depends = list(recipe.depends)
    else:
        below = f"python3-light (<< {after})" if form == "ipk" else f"python3-light<{after}"
        depends = [
            f"python3-light (>= {first})" if form == "ipk" else f"python3-light>={first}",
            below,
            *recipe.depends,
        ]
    root = {
        "src": str(folder),
        "dst": "/",
        "type": "tree",
        "expand": True,
        "file_info": {"owner": "root", "group": "root"},
    }
    settings = {
        "src": f"{folder}.settings",
        "dst": SETTINGS,
        "type": "config",
        "file_info": {"mode": 0o600, "owner": "root", "group": "root"},
    }
    scripts = f"{folder}.scripts"
    return json.dumps(
        {
            "name": package,
            "version": version,
            "version_schema": "none",
            "release": release if form == "ipk" else f"r{release}",
            "arch": ARCHITECTURES[form],
            "platform": "linux",
            "section": recipe.section,
            "priority": "optional",
            "maintainer": MAINTAINER,
            "homepage": HOMEPAGE,
            "license": "MIT",
            "description": recipe.description
            if twin is None
            else f"{recipe.description}\nThe sources of its modules.",
            "depends": depends,
            "contents": [root, *([settings] if recipe.has_settings and twin is None else [])],
            "scripts": {"postinstall": f"{scripts}/postinst", "preremove": f"{scripts}/prerm"},
            "apk": {"scripts": {"postupgrade": f"{scripts}/postupgrade"}},
        },
        indent=1,
    )
