"""The estimate of a month's cost as a table and as JSON."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from rich.text import Text

from imgctl.cli.layout import Grid
from infra.prices import PRICE_PAGES, PRICE_REGION, PRICES_AS_OF

if TYPE_CHECKING:
    from imgctl.cli.operating_documents import CostDocument
    from imgctl.operations.measured_work import MeasuredWork
    from infra.monthly_cost import MonthlyCost, Workload

EXCLUDED = (
    "free tiers",
    "data transfer to the internet",
    "earlier versions of objects",
    "S3 access logs",
    "requests to KMS",
    "whatever reads originals and results",
)
"""What an estimate leaves out."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A cost, the work that it is for, and what that was measured by; None for assumptions."""

    cost: "MonthlyCost"
    work: "Workload"
    measured: "MeasuredWork | None"


def cost_grid(estimate: Estimate) -> Grid:
    """Tabulate the items, with the sum as the last row."""
    rows = [
        (Text(item.service), Text(item.name), _right(_amount(item.quantity, item.unit)),
         _right(_usd(item.usd)))
        for item in estimate.cost.items
    ]  # fmt: skip
    rows.append((Text("total", "bold"), Text(), Text(), _right(_usd(estimate.cost.usd))))
    return Grid(("service", "item", "quantity", "USD a month"), rows, title="item")


def basis_text(estimate: Estimate) -> str:
    """Return what an estimate is based on, in a few lines."""
    work, measured = estimate.work, estimate.measured
    sizes = (
        f"{_megabytes(work.original_bytes)} MB each with {_megabytes(work.output_bytes)} MB of"
        f" results, in {work.duration_ms:,.0f} ms"
    )
    origin = (
        "These are assumptions."
        if measured is None
        else f"Measured by {measured.records:,} records of the last 30 days."
    )
    return (
        f"{work.images:,} images a month, {sizes}. {origin}\n"
        f"Prices of {PRICES_AS_OF} in {PRICE_REGION}, from AWS's pages on them. Storage is that of"
        " one month's images: it adds up as long as they are kept.\n"
        f"Not included: {', '.join(EXCLUDED)}."
    )


def cost_document(estimate: Estimate) -> "CostDocument":
    """Return an estimate for --json."""
    work, measured = estimate.work, estimate.measured
    return {
        "usd_per_month": _cents(estimate.cost.usd),
        "items": [
            {
                "service": item.service,
                "name": item.name,
                "quantity": float(item.quantity),
                "unit": item.unit or None,
                "usd": _cents(item.usd),
            }
            for item in estimate.cost.items
        ],
        "images": work.images,
        "original_bytes": round(work.original_bytes),
        "output_bytes": round(work.output_bytes),
        "duration_ms": round(work.duration_ms),
        "measured_records": None if measured is None else measured.records,
        "region": PRICE_REGION,
        "prices_as_of": PRICES_AS_OF,
        "sources": dict(PRICE_PAGES),
        "excluded": list(EXCLUDED),
    }


def _usd(value: Decimal) -> str:
    return f"{value.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"


def _cents(value: Decimal) -> float:
    return float(value.quantize(Decimal("0.01"), ROUND_HALF_UP))


def _amount(quantity: Decimal, unit: str) -> str:
    return f"{quantity:,.1f} {unit}" if unit else f"{quantity:,.0f}"


def _megabytes(count: Decimal) -> str:
    return f"{count / 10**6:,.1f}"


def _right(text: str) -> Text:
    return Text(text, justify="right")
