"""Paying as one goes, all of it on one machine: two operators, two access points, three devices, one ledger."""
