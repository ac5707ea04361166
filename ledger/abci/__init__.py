"""CometBFT as the engine of a ledger that several operators share: its socket, its RPC, its home folder, its proofs."""
