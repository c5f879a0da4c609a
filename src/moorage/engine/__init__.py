"""The imperative shell: controllers that snapshot, plan, perform and commit. Knows ports, not adapters."""
