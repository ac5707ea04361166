"""Writes vectors/ngap.json and s1ap.json with pycrate: `python -m tests.nas_tunnel.make_core_vectors`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.nas_tunnel.core_air import NGAP_EXAMPLES, S1AP_EXAMPLES, Example

FOLDER = Path(__file__).parent / "vectors"
PROVENANCE = (
    "Encoded by pycrate 0.8.1 (pycrate_asn1dir, TS 38.413 and TS 36.413 of release 16), from the values in "
    "tests/nas_tunnel/core_air.py; we have no encoder. free5GC's ngap 1.1.0 reads and writes those of NGAP alike."
)
MAX_BYTES = 4_096
"""Longer ones are built where they are needed."""


def vectors(examples: dict[str, Example]) -> dict[str, object]:
    """The content of a file."""
    pdus = {
        name: example.encoded.hex() for name, example in examples.items() if len(example.encoded) <= MAX_BYTES
    }
    return {"provenance": PROVENANCE, "pdus": pdus}


if __name__ == "__main__":
    for name, examples in (("ngap", NGAP_EXAMPLES), ("s1ap", S1AP_EXAMPLES)):
        (FOLDER / f"{name}.json").write_text(json.dumps(vectors(examples), indent=1) + "\n")
