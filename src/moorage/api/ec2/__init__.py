"""The part of EC2 that follows from tasks. All else is the support process's."""
