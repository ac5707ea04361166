"""From a sold bitrate to a share of a cell's resource blocks, and the worlds that give it: gNB and core."""
