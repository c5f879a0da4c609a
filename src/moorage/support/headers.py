"""The headers in which the daemon and the support process tell each other what HTTP itself does not say."""

SERVICE = "x-moorage-service"
OPERATION = "x-moorage-operation"
REGION = "x-moorage-region"
ACCOUNT = "x-moto-account-id"
"""Moto's own: it keeps the accounts apart by it."""
FAULT = "x-moorage-fault"
"""The error code of an answer that is not Moto's; the body is the sentence."""
