"""Recipes: how what is built becomes packages. Nobody imports this, and it imports nothing of ours."""
