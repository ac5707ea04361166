"""The clearing house: auctions and bids that wait, and how they become one batch of the ledger."""
