"""What can be wrong with a request to the SSM parameter store, as exceptions that carry fields.

AWS answers several of them with a code and no sentence; these say what the code means.
"""

from dataclasses import dataclass

from moorage.domain.errors import DomainError


@dataclass(eq=False)
class ParameterUnknown(DomainError):
    name: str

    @property
    def message(self) -> str:
        return f"Parameter {self.name} not found."


@dataclass(eq=False)
class ParameterVersionUnknown(DomainError):
    name: str
    version: str

    @property
    def message(self) -> str:
        return (
            f"Systems Manager could not find version {self.version} of {self.name}. Verify the version and try again."
        )


@dataclass(eq=False)
class TooManyLabels(DomainError):
    limit: int

    @property
    def message(self) -> str:
        return (
            f"A parameter version can have maximum {self.limit} labels. Move one or more labels to another version and "
            "try again."
        )


@dataclass(eq=False)
class OldestIsLabelled(DomainError):
    name: str
    version: int

    @property
    def message(self) -> str:
        return (
            f"You attempted to create a new version of {self.name} by calling the PutParameter API with the overwrite "
            f"flag. Version {self.version}, the oldest version, can't be deleted because it has a label associated "
            "with it. Move the label to another version of the parameter, and try again."
        )


@dataclass(eq=False)
class ParameterTaken(DomainError):
    name: str

    @property
    def message(self) -> str:
        return "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."


@dataclass(eq=False)
class PatternMismatch(DomainError):
    name: str
    pattern: str

    @property
    def message(self) -> str:
        return f"Parameter value, cannot be validated against allowedPattern: {self.pattern}"


@dataclass(eq=False)
class PatternInvalid(DomainError):
    pattern: str

    @property
    def message(self) -> str:
        return f"The allowed pattern {self.pattern} is not a regular expression."


@dataclass(eq=False)
class HierarchyTooDeep(DomainError):
    name: str

    @property
    def message(self) -> str:
        return f"Parameter name {self.name} has more than 15 levels."


@dataclass(eq=False)
class KeyUnusable(DomainError):
    """KMS refused to work with the key of a SecureString."""

    key: str
    reason: str

    @property
    def message(self) -> str:
        return f"{self.reason} (KeyId {self.key})"


@dataclass(eq=False)
class FilterKeyInvalid(DomainError):
    key: str
    operation: str

    @property
    def message(self) -> str:
        return f"The filter key {self.key} is not one of {self.operation}."


@dataclass(eq=False)
class FilterOptionInvalid(DomainError):
    option: str
    key: str

    @property
    def message(self) -> str:
        return f"The filter option {self.option} is not one of the key {self.key}."


@dataclass(eq=False)
class FilterValueInvalid(DomainError):
    key: str

    @property
    def message(self) -> str:
        return f"The filter {self.key} needs values."


@dataclass(eq=False)
class TokenInvalid(DomainError):
    token: str

    @property
    def message(self) -> str:
        return "The specified token is not valid."


@dataclass(eq=False)
class TaggedParameterUnknown(DomainError):
    resource: str

    @property
    def message(self) -> str:
        return f"The resource {self.resource} was not found."


@dataclass(eq=False)
class TaggedTypeUnsupported(DomainError):
    type: str

    @property
    def message(self) -> str:
        return f"Resources of type {self.type} are not supported by Moorage; Parameter is."


@dataclass(eq=False)
class TypeChanged(DomainError):
    name: str
    type: str

    @property
    def message(self) -> str:
        return (
            f"Parameter {self.name} is of type {self.type}. The type of a parameter can't be changed: "
            "delete it and create it again."
        )


@dataclass(eq=False)
class TooManyParameterTags(DomainError):
    limit: int

    @property
    def message(self) -> str:
        return f"A parameter has at most {self.limit} tags."
