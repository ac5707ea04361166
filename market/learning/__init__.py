"""A user's choices learned from what they cost: Double DQN, tables, baselines, and acting within a regret budget."""
