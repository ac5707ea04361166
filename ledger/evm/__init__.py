"""The Solidity twin of PayPlace, and the way to a local EVM node on which it runs."""
