"""Clubs of operators that share a band by tokens: the contract's third part, beside Bandcoin and PayPlace."""
