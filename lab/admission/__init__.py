"""Sessions of a crowd as real packets through the real shaper, with and without admission."""
