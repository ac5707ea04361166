"""A cell in the laboratory: a model of its scheduler, a gNB's remote control over it, and what is sold in it."""
