"""Writes tests/nas_tunnel/vectors/nas.json with pycrate: `python -m tests.nas_tunnel.make_nas_vectors`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.nas_tunnel.nas_examples import EXAMPLES
from tests.nas_tunnel.nas_oracles import pycrate_message

VECTORS = Path(__file__).parent / "vectors" / "nas.json"
PROVENANCE = (
    "Built by pycrate 0.8.1 (pycrate_mobile, TS 24.301 and TS 24.501), field by field, from the values in "
    "tests/nas_tunnel/nas_examples.py; not with our encoder. free5GC's nas 1.2.1 writes those of 5GS alike."
)


def vectors() -> dict[str, object]:
    """The content of the file."""
    messages = {
        name: pycrate_message(example.pycrate, example.header, example.fields).to_bytes().hex()
        for name, example in EXAMPLES.items()
    }
    return {"provenance": PROVENANCE, "messages": messages}


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(vectors(), indent=1) + "\n")
