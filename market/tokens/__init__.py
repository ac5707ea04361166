"""Sharing a band with tokens: what is spent goes to the others, in integers for a ledger and as a simulation."""
