"""PayPlace at the operator and at the merchant: a block every period, signed by those whom it pays, and notarised."""
