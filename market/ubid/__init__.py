"""Session auctions (UBid): who gets which rate for how long, exactly, and what each pays. Integers only, no I/O."""
