"""CloudFormation: templates, change plans and resource types. Pure."""
