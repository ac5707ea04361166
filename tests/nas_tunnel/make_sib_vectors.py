"""Writes vectors/lte_sib.json and vectors/nr_sib.json with pycrate: `python -m tests.nas_tunnel.make_sib_vectors`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.nas_tunnel import rrc_oracle
from tests.nas_tunnel.sib_values import LTE_EXAMPLES, NR_EXAMPLES

VECTORS = Path(__file__).parent / "vectors"
PROVENANCE = (
    "Encoded by pycrate 0.8.1 (pycrate_asn1dir.{module}, 3GPP Rel-18), not with our encoder; the values are those of "
    "tests/nas_tunnel/sib_values.py. `block` is the block alone, `message` the BCCH-DL-SCH-Message that has it."
)


def main() -> None:
    lte = {
        name: {
            "block": rrc_oracle.lte_block(sib).hex(),
            "message": rrc_oracle.lte_message([rrc_oracle.lte_listed(sib)]).hex(),
        }
        for name, sib in LTE_EXAMPLES.items()
    }
    nr = {
        name: {
            "block": rrc_oracle.nr_block(sib).hex(),
            "message": rrc_oracle.nr_message([rrc_oracle.nr_listed(sib)]).hex(),
        }
        for name, sib in NR_EXAMPLES.items()
    }
    for name, module, blocks in (("lte_sib", "RRCLTE", lte), ("nr_sib", "RRCNR", nr)):
        page = {"provenance": PROVENANCE.format(module=module), "blocks": blocks}
        (VECTORS / f"{name}.json").write_text(json.dumps(page, indent=1) + "\n")


if __name__ == "__main__":
    main()
