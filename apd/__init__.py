"""The daemon on the box: facts in, a pure core decides, orders out to the kernel, the TPM, the lobby and the ledger."""
