"""How wire messages travel before a station is authenticated. Pure, but for what is marked as a shell."""
