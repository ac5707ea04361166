"""Markets as environments for learning, for Gymnasium and PettingZoo (extra `envs`). Nothing else imports this."""
