"""Supplemental discount offers: what users do with an hour of unlimited data for a fixed price, and what it earns.

Models in floats: nobody is charged what they find. Prices and revenue are whole micro-bandcoin, data whole bytes.
"""
