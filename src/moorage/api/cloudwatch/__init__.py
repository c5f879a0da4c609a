"""CloudWatch: reading metrics. Those of AWS/ECS are kept here, all others by the support process."""
