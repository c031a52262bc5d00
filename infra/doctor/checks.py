"""All checks, in the order in which they are reported."""

from infra.doctor.api_checks import API_CHECKS
from infra.doctor.function_checks import FUNCTION_CHECKS
from infra.doctor.operation_checks import OPERATION_CHECKS
from infra.doctor.result import Check
from infra.doctor.storage_checks import STORAGE_CHECKS
from infra.doctor.trigger_checks import TRIGGER_CHECKS

CHECKS: tuple[Check, ...] = (
    *STORAGE_CHECKS,
    *TRIGGER_CHECKS,
    *FUNCTION_CHECKS,
    *API_CHECKS,
    *OPERATION_CHECKS,
)
