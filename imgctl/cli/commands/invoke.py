"""`imgctl invoke`."""

from typing import TYPE_CHECKING

import click

from imgctl.cli.app import app_of
from imgctl.cli.options import Command, completer

if TYPE_CHECKING:
    from imgctl.cli.app import App

_EVENT_FILE = click.Path(dir_okay=False, allow_dash=True)


@click.command(
    cls=Command,
    examples=[
        "imgctl invoke",
        "imgctl invoke --key holiday/cake.jpg",
        "imgctl invoke event.json --yes",
    ],
)
@click.argument("event", metavar="[EVENT.json]", required=False, type=_EVENT_FILE)
@click.option("--key", shell_complete=completer("keys"), help="Process this object again.")
@click.option("--batch", is_flag=True, help="Send the event as S3 Batch Operations does.")
@click.pass_context
def invoke(context: click.Context, *, event: str | None, key: str | None, batch: bool) -> int:
    """Invoke the live function and print its answer and log.

    Without a file or a key, with the test event of the original project, about the object
    cake.jpg. The function processes what the event names: an object that exists is processed again.
    Before an event adds a record of an object that does not exist, the command asks.
    """
    from imgctl.cli.invocation_view import print_invocation
    from imgctl.operations.sample_events import effect_on_data

    if event is not None and (key is not None or batch):
        raise click.UsageError("Use one of EVENT.json and the options --key and --batch.")
    app = app_of(context)
    chosen = _chosen_event(app, key, is_batch=batch) if event is None else _read_event(event)
    effect = effect_on_data(app.aws, app.outputs, chosen)
    if effect:
        app.ui.info(effect)
        if not app.ui.confirm("Invoke it all the same?"):
            app.ui.info("Nothing was invoked.")
            return 1
    return print_invocation(app, chosen)


def _chosen_event(app: "App", key: str | None, *, is_batch: bool) -> object:
    from imgctl.operations.reprocess import named_source
    from imgctl.operations.sample_events import SAMPLE_KEY, batch_event, event_of, sample_event

    bucket = app.outputs.source_bucket
    if key is not None:
        return event_of(named_source(app.aws.s3, bucket, key), bucket, is_batch=is_batch)
    return batch_event(bucket, SAMPLE_KEY) if is_batch else sample_event(bucket, app.aws.region)


def _read_event(path: str) -> object:
    """Read an event; raises InvalidInput for what Lambda would refuse."""
    import json

    from imgctl.aws.invoke import MAX_EVENT_BYTES
    from imgctl.core.errors import InvalidInput

    try:
        with click.open_file(path, "rb") as file:
            data = file.read(MAX_EVENT_BYTES + 1)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror}.", hint="Check the path of the event."
        ) from error
    if len(data) > MAX_EVENT_BYTES:
        raise InvalidInput(
            f"{path} is larger than an event may be, 6 MB.", hint="Send a smaller one."
        )
    try:
        event: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            f"{path} is not JSON: {error}.",
            hint="An event is JSON in UTF-8, such as S3 sends it.",
        ) from error
    return event
