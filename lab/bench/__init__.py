"""Benchmarks: each measures figures next to the alternative in one run, and writes them to `build/bench/`."""
