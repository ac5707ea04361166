"""The `nft` program, which loads and lists what nftables holds: text in, text out.

It runs where a table is made, read or taken away, and takes some ten milliseconds; what has to be quick goes over
netlink (`nfnetlink`). It decides nothing about what the kernel refuses.
"""

import subprocess

from wire.errors import ShellError

NFT_DEADLINE_S = 20.0
"""Loading a table takes some ten milliseconds; a box under load is given a thousand times that."""
_MOST_SAID = 500


def run_nft(text: str, *options: str, missing_is_fine: bool = False) -> str:
    """Run the program on commands; what it printed. With `missing_is_fine` an absent table is an empty answer.

    Raises ShellError: there is no such program, it did not end in time, or it refused (its own words, cut).
    """
    try:
        done = subprocess.run(
            ["nft", *options, "-f", "-"],
            input=text,
            capture_output=True,
            text=True,
            timeout=NFT_DEADLINE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ShellError("nft (package nftables)", str(error)) from error
    if done.returncode and not (missing_is_fine and "No such file" in done.stderr):
        raise ShellError("nft", done.stderr.strip()[:_MOST_SAID])
    return done.stdout
