"""`imgctl doctor`."""

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command


@click.command(cls=Command, examples=["imgctl doctor", "imgctl doctor --fix"])
@click.option(
    "--fix", is_flag=True, help="Offer to run the commands that mend what is safe to mend."
)
@click.pass_context
def doctor(context: click.Context, *, fix: bool) -> int:
    """Check the stack, and say how to mend what is wrong.

    Nothing is changed without --fix, which shows what it would do and asks. What you may not read
    is not checked, with the permission that it needs; --verbose lists every check.
    """
    from imgctl.cli.doctor_view import doctor_document, print_examination
    from imgctl.cli.doctor_workflow import examine_stack, mend

    app = app_of(context)
    examination = examine_stack(app)
    print_examination(app, examination)
    mended: tuple[str, ...] = ()
    if fix and examination.problems:
        mended = mend(app, examination)
        if mended:
            examination = examine_stack(app)
            print_examination(app, examination)
    app.ui.result(doctor_document(examination, mended), "")
    return 1 if examination.problems else 0
