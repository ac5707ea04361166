"""Leasing spectrum to a micro-operator: its users, its price, its mining, the licence holder's price; and a quote."""
