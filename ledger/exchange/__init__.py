"""The exchange: real money at a payment gateway against bandcoins on the ledger, each way, once."""
