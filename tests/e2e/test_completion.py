"""What a shell is offered of the names that AWS knows, as its completion script asks for it."""

import pytest

from imgctl.local import daemon
from tests import program
from tests.e2e.conftest import Local
from tests.e2e.test_story import SOURCE


def offered(local: Local, line: str) -> list[str]:
    """Return what is offered for the last word of a line."""
    words = line.split(" ")
    asked = {
        "_IMGCTL_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = program.run([], environment=local.environment | asked)
    assert (done.returncode, done.stderr) == (0, "")
    return [item.removeprefix("plain,") for item in done.stdout.splitlines() if item]


def put(local: Local, *keys: str) -> None:
    for key in keys:
        local.aws.s3.put_object(Bucket=SOURCE, Key=key, Body=b"not an image")


def test_keys_are_completed_a_folder_at_a_time(shared: Local) -> None:
    put(shared, "tab/lake/day/a.png", "tab/lake/day/b.png", "tab/sea/c.png", "tab/d.png")
    assert offered(shared, "imgctl show tab/") == ["tab/d.png", "tab/lake/", "tab/sea/"]
    assert offered(shared, "imgctl history --key tab/l") == [
        "tab/lake/day/a.png", "tab/lake/day/b.png",
    ]  # fmt: skip
    assert offered(shared, "imgctl reprocess --prefix tab/s") == ["tab/sea/c.png"]
    assert offered(shared, "imgctl show tab/none") == []


@pytest.mark.parametrize(
    "name",
    [
        "$(touch x).png",
        "`x`.png",
        "a b.png",
        "x;y",
        "x'y",
        'x"y',
        "x*",
        "x?y",
        "x\\y",
        "x&y",
        "\u202ex",
        "a,b",
    ],
)
def test_a_key_that_a_shell_would_not_take_literally_is_never_offered(
    shared: Local, name: str
) -> None:
    """The attack: whoever uploads chooses the key, and a shell inserts it into a command."""
    put(shared, f"hostile/{name}", "hostile/ünschuldig.png")
    assert offered(shared, "imgctl show hostile/") == ["hostile/ünschuldig.png"]


def test_stacks_and_versions_are_completed(shared: Local) -> None:
    template = '{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}'
    shared.aws.cloudformation.create_stack(StackName="not-ours", TemplateBody=template)
    stacks = offered(shared, "imgctl history --stack ")
    assert "imgctl" in stacks
    assert "not-ours" not in stacks
    assert "1" in offered(shared, "imgctl rollback ")


def test_completion_does_not_start_the_embedded_aws(empty: Local) -> None:
    assert offered(empty, "imgctl show ") == []
    assert daemon.running(empty.folder) is None
    assert not empty.folder.exists()
