"""The Bandcoin ledger: contracts as pure functions, the engine that orders and stores, the service around it."""
