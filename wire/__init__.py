"""The shared vocabulary of Airgrant: units, identifiers, bytes, signatures and messages. Pure; imports nothing of
ours.
"""
