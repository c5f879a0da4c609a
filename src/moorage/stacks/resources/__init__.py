"""One file for each CloudFormation resource type."""
