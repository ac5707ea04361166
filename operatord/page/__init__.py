"""The operator's page: what was sold, what was delivered and who is on, in a browser; a process beside RADIUS."""
