"""The operations of AWS Cloud Map."""
