"""An access point that sells its next minutes by auction, on the real shaper."""
