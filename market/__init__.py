"""Mechanisms as integer arithmetic on bids and offers; knows no accounts, no signatures and no network."""
