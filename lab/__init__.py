"""Namespaces, traffic, the demo and the benchmarks: code that the product does not need at run time."""
