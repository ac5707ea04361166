"""One outside world per file: the disk, the trust directory, the broker, RADIUS, the control socket, HTTP."""
