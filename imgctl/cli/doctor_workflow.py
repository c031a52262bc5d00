"""What `doctor` does: the examination, and the mends that it can carry out itself."""

from functools import partial
from typing import TYPE_CHECKING

from imgctl.cli.app import App

if TYPE_CHECKING:
    from infra.doctor.examination import Examination


def examine_stack(app: App) -> "Examination":
    """Check the stack that the settings name."""
    from infra.doctor.examination import examine
    from infra.doctor.reading import system_now

    with app.ui.working("Checking the stack"):
        return examine(lambda: app.aws, app.settings.stack, system_now)


def mend(app: App, examination: "Examination") -> tuple[str, ...]:
    """Carry out the mends of problems that have one, and return their commands.

    Each shows what it would do, and asks. Those that were declined are left out.
    """
    from infra.doctor.result import Fix

    wanted = {
        result.problem.fix
        for result in examination.problems
        if result.problem is not None and result.problem.fix is not None
    }
    # The trigger and the function first: what failed because of them is sent again after that.
    mends = {Fix.REVERT_DRIFT: _revert_drift, Fix.REDRIVE: _redrive}
    done = [fix for fix, carry_out in mends.items() if fix in wanted and carry_out(app)]
    if not wanted:
        app.ui.info("Nothing of this can be mended by imgctl itself.")
    return tuple(fix.value for fix in done)


def _revert_drift(app: App) -> bool:
    from imgctl.cli.deploy_workflow import DeployOptions, deploy_stack

    done = deploy_stack(app, DeployOptions(revert_drift=True))
    return done is not None and not done.plan.is_empty


def _redrive(app: App) -> bool:
    from imgctl.aws.invoke import invoke
    from imgctl.operations.redrive import redrive

    if not app.ui.confirm("Send the dead letters to the function again?"):
        return False
    send = partial(invoke, app.aws.lambda_, app.outputs.function_alias)
    results = [
        result.status.value for result in redrive(app.aws.sqs, app.outputs.dead_letter_queue, send)
    ]
    for status in dict.fromkeys(results):
        app.ui.info(f"{results.count(status)} {status}")
    return True
