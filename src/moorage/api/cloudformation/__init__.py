"""The operations of AWS CloudFormation."""
