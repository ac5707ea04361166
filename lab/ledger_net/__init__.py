"""A ledger that four operators share, on one machine: CometBFT, four gateways, and what goes wrong."""
