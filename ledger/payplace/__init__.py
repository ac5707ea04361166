"""PayPlace: what a contract, an operator and a merchant must agree on so that payments settle once a period."""
