import importlib
import inspect
import pkgutil

import pytest

from moorage import domain
from moorage.domain import registry_errors
from moorage.domain.errors import DomainError
from moorage.wire import fault_table, models


def all_errors() -> set[type[DomainError]]:
    """Every class of domain error that there is, wherever it is defined in the domain."""
    for module in pkgutil.iter_modules(domain.__path__, "moorage.domain."):
        importlib.import_module(module.name)
    found: set[type[DomainError]] = set()
    pending: list[type[DomainError]] = [DomainError]
    while pending:
        for kind in pending.pop().__subclasses__():
            if kind.__module__.startswith("moorage.") and not inspect.isabstract(kind):
                found.add(kind)
                pending.append(kind)
    return found


def test_every_domain_error_has_a_row() -> None:
    assert {kind.__name__ for kind in all_errors() - set(fault_table.TABLE)} == set()


@pytest.mark.parametrize("kind", fault_table.TABLE, ids=lambda kind: kind.__name__)
def test_every_row_answers_every_service_with_a_code_that_it_has(kind: type[DomainError]) -> None:
    row = fault_table.TABLE[kind]
    assert fault_table.ANY in row.codes
    for service, code in row.codes.items():
        if service == fault_table.ANY:
            assert code == fault_table.INVALID or code in fault_table.COMMON_CODES
        else:
            assert code in models.error_shapes(service)


@pytest.mark.parametrize("service", models.ENTRIES)
def test_the_code_for_invalid_input_is_one_that_the_service_has(service: str) -> None:
    code = models.ENTRIES[service].invalid
    documented = {"ec2": {"InvalidParameterValue"}}  # EC2's model has no errors: its API reference lists the codes
    assert code in models.error_shapes(service) or code in fault_table.COMMON_CODES | documented.get(service, set())


@pytest.mark.parametrize("kind", fault_table.TABLE, ids=lambda kind: kind.__name__)
def test_statuses_and_fields_are_those_of_the_error_shape(kind: type[DomainError]) -> None:
    row = fault_table.TABLE[kind]
    for service, code in row.codes.items():
        shape = models.error_shapes(service).get(code) if service else None
        if shape is None:
            continue
        assert row.status == shape.metadata.get("error", {}).get("httpStatusCode", row.status)
        assert set(row.fields) <= set(shape.members)
        assert set(row.fields.values()) <= set(inspect.signature(kind).parameters)


def test_a_fault_carries_the_fields_that_are_known_and_leaves_out_the_others() -> None:
    known = fault_table.fault(registry_errors.NamespaceTaken("n", "ns-1"), "servicediscovery")
    assert (known.code, known.status, dict(known.fields)) == ("NamespaceAlreadyExists", 400, {"NamespaceId": "ns-1"})
    assert fault_table.fault(registry_errors.NamespaceTaken("n", "ns-1"), "ecs").code == "InvalidParameterException"
