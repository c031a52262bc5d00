"""`imgctl deploy`."""

from pathlib import Path

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command, set_option
from imgctl.cli.params import bundle_option

CHANGES_PENDING = 5
"""The exit code of `deploy --plan --exit-code` if there is something to deploy."""

_ONLY_WITH_PLAN = ("out", "exit_code")
_PLANNED_WITH = (
    "plan_only",
    *_ONLY_WITH_PLAN,
    "express",
    "cmk",
    "adopt",
    "revert_drift",
    "at_once",
    "tags",
)


@click.command(
    cls=Command,
    examples=[
        "imgctl deploy --plan",
        "imgctl deploy",
        "imgctl deploy --plan --out plan.json",
        "imgctl deploy --apply plan.json",
        "imgctl --local deploy --yes",
    ],
)
@click.option("--plan", "plan_only", is_flag=True, help="Show the plan and exit.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --plan: keep the plan, and write a file to apply it with.",
)
@click.option(
    "--exit-code", is_flag=True, help="With --plan: exit with 5 if there is something to deploy."
)
@click.option(
    "--apply",
    "plan_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Apply exactly the plan in a file that --out wrote.",
)
@bundle_option
@click.option("--express", is_flag=True, help="Do not wait for resources to become stable.")
@click.option("--cmk", metavar="ARN", help="KMS key ARN to encrypt with (setting: kms_key).")
@click.option(
    "--adopt", is_flag=True, help="Import existing buckets and table with the configured names."
)
@click.option(
    "--allow-data-loss", is_flag=True, help="Allow changes that replace a bucket or the table."
)
@click.option(
    "--revert-drift",
    is_flag=True,
    help="Also change back what was changed outside of imgctl.",
)
@click.option(
    "--at-once",
    is_flag=True,
    help="Give a new version all invocations at once (setting: rollout).",
)
@click.option(
    "--continue-rollback", is_flag=True, help="Roll back an update whose rollback failed, and exit."
)
@click.option(
    "--skip",
    "skipped",
    metavar="RESOURCE",
    multiple=True,
    help="With --continue-rollback: leave this resource as it is. May be repeated.",
)
@click.option(
    "--tag", "tags", multiple=True, metavar="KEY=VALUE",
    help="Tag the stack and its resources, in addition to the setting tags. May be repeated.",
)  # fmt: skip
@click.pass_context
def deploy(
    context: click.Context,
    *,
    plan_only: bool,
    out: Path | None,
    exit_code: bool,
    plan_file: Path | None,
    bundle_file: Path | None,
    express: bool,
    cmk: str | None,
    adopt: bool,
    allow_data_loss: bool,
    revert_drift: bool,
    at_once: bool,
    continue_rollback: bool,
    skipped: tuple[str, ...],
    tags: tuple[str, ...],
) -> int:
    """Create or update the stack.

    Shows the plan and asks before anything is changed. Running it again changes nothing, and says
    what was changed outside of imgctl since.
    """
    from imgctl.cli import update_rollback
    from imgctl.cli.apply_workflow import apply_plan
    from imgctl.cli.deploy_documents import print_outputs
    from imgctl.cli.deploy_workflow import (
        Deployment,
        DeployOptions,
        PlannedOnly,
        deploy_stack,
        tags_with,
    )

    _check_combination(context)
    if continue_rollback:
        return 0 if update_rollback.continue_rollback(app_of(context), skipped) else 1
    if cmk is not None:
        set_option(context, "kms_key", cmk)
    app = app_of(context)
    done: Deployment | PlannedOnly | None
    if plan_file is not None:
        done = apply_plan(app, plan_file, bundle_file, allow_data_loss=allow_data_loss)
    else:
        options = DeployOptions(
            plan_only,
            express,
            adopt,
            allow_data_loss,
            revert_drift,
            at_once,
            out=out,
            bundle=bundle_file,
            tags=tags_with(app, tags),
        )
        done = deploy_stack(app, options)
    if done is None:
        return 1
    if isinstance(done, PlannedOnly):
        return CHANGES_PENDING if exit_code and not done.plan.is_empty else 0
    print_outputs(app, done)
    return 0


def _check_combination(context: click.Context) -> None:
    """Raise UsageError for options that say nothing together."""
    given = {parameter.name: parameter.opts[0] for parameter in context.command.params}
    given = {name: option for name, option in given.items() if context.params.get(str(name))}
    for name in _PLANNED_WITH:
        if "plan_file" in given and name in given:
            raise click.UsageError(
                f"{given[name]} cannot be combined with --apply, which does what was planned."
            )
    for name in given:
        if "continue_rollback" in given and name not in ("continue_rollback", "skipped"):
            raise click.UsageError(f"{given[name]} cannot be combined with --continue-rollback.")
    if "skipped" in given and "continue_rollback" not in given:
        raise click.UsageError("--skip needs --continue-rollback.")
    for name in _ONLY_WITH_PLAN:
        if name in given and "plan_only" not in given:
            raise click.UsageError(f"{given[name]} needs --plan.")
