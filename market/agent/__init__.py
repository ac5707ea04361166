"""The user's agent, as integer arithmetic: what quotes cost, what may be spent, what to take, what else had cost."""
