"""`imgctl cost`."""

from decimal import Decimal
from typing import TYPE_CHECKING

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command, given_options
from imgctl.cli.params import Bounded

if TYPE_CHECKING:
    from imgctl.cli.app import App
    from imgctl.operations.measured_work import MeasuredWork
    from infra.monthly_cost import Workload


@click.command(
    cls=Command,
    examples=[
        "imgctl cost --images 1000000 --avg-mb 4",
        "imgctl cost",
        "imgctl cost --images 1000000 --stack imgctl",
    ],
)
@click.option(
    "--images", type=Bounded(click.IntRange(0, 10**12)), metavar="N",
    help="Number of uploads in a month.",
)  # fmt: skip
@click.option(
    "--avg-mb", type=Bounded(click.FloatRange(0.001, 50_000)), metavar="M",
    help="Average size of an original in MB.",
)  # fmt: skip
@click.option("--api", "by_api", is_flag=True, help="Include uploads through the REST API.")
@click.pass_context
def cost(context: click.Context, *, images: int | None, avg_mb: float | None, by_api: bool) -> int:
    """Estimate what a month costs, item by item.

    Without --images, for as many uploads as the stack had in the last 30 days, with their sizes and
    durations. With it, no AWS account is asked unless --stack names the stack to measure by.
    Memory, architecture and renditions are those of the settings.
    """
    from imgctl.cli.cost_view import Estimate, basis_text, cost_document, cost_grid
    from imgctl.core.errors import Hint
    from infra.monthly_cost import assumed_workload, monthly_cost

    app = app_of(context)
    settings = app.settings.stack_settings
    is_asked = images is None or "stack" in given_options(context)
    measured = _measured(app) if is_asked else None
    size_mb = None if avg_mb is None else Decimal(str(avg_mb))
    if images is None and measured is None:
        hint = Hint("{} estimates for a number of them.", "cost --images 1000000")
        app.ui.info(f"No image was processed in the last 30 days. {hint.render(app.program)}")
    if measured is None:
        outputs = len(settings.rendition_set.renditions)
        work = assumed_workload(images or 0, outputs, size_mb, by_api=by_api)
    else:
        work = _workload(measured, images, size_mb, by_api=by_api)
    estimate = Estimate(monthly_cost(work, settings), work, measured)
    app.ui.result(cost_document(estimate), cost_grid(estimate))
    app.ui.info(basis_text(estimate))
    return 0


def _measured(app: "App") -> "MeasuredWork | None":
    from datetime import UTC, datetime

    from imgctl.operations.measured_work import measure_work

    with app.ui.working("Reading records"):
        return measure_work(app.aws.dynamodb, app.outputs.table, datetime.now(UTC))


def _workload(
    measured: "MeasuredWork", images: int | None, size_mb: Decimal | None, *, by_api: bool
) -> "Workload":
    from infra.monthly_cost import UNMEASURED_MS, Workload, scaled_workload

    average = Workload(
        images=measured.images if images is None else images,
        original_bytes=Decimal(measured.original_bytes),
        output_bytes=Decimal(measured.output_bytes),
        duration_ms=Decimal(measured.duration_ms) + UNMEASURED_MS,
        by_api=by_api,
    )
    return scaled_workload(average, size_mb)
