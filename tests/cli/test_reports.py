import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from imgctl.aws.session import Aws
from imgctl.cli.app import App, make_ui
from imgctl.cli.errors import FileError
from imgctl.cli.reports import ReportOptions, report_history
from imgctl.cli.resolved_settings import resolve
from imgctl.core.record import Record, to_item
from imgctl.operations.history import RecordQuery
from imgctl.operations.resize_plan import OutputExists
from tests.moto_aws import aws, moto_account, table
from tests.pictures import encoded, photo
from tests.stack_outputs import OUTPUTS

__all__ = ["aws", "moto_account", "table"]

ALL = RecordQuery(since="2026-11-01")
CAKE = encoded(photo(), "PNG")


@pytest.fixture
def app(aws: Aws, table: str) -> App:
    resolved = resolve({}, {}, None)
    app = App(resolved, make_ui(resolved.settings), "imgctl")
    vars(app).update(aws=aws, outputs=replace(OUTPUTS, table=table))
    aws.s3.create_bucket(
        Bucket="originals", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
    )
    aws.s3.put_object(Bucket="originals", Key="cake.png", Body=CAKE)
    return app


def add(app: App, number: int, **values: Any) -> None:
    usual = Record(
        resource_id=str(number),
        original_bucket="originals",
        original_object_key="cake.png",
        original_file_size=len(CAKE),
        processing_time=f"2026-11-23T10:00:0{number}.000Z",
    )
    item: Any = to_item(replace(usual, **values))
    app.aws.dynamodb.put_item(TableName=app.outputs.table, Item=item)


def test_a_report_is_one_file_with_records_and_images(
    app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add(app, 1)
    add(app, 2, original_object_key="gone <b>.png")
    path = tmp_path / "my report.html"
    assert report_history(app, ALL, 20, ReportOptions(path)) == 0
    html = path.read_text()
    assert len(re.findall(r"data:image/webp;base64,\w+", html)) == 1
    assert '"OriginalObjectKey":"cake.png"' in html
    assert "gone <b>" not in html
    printed = capsys.readouterr()
    assert printed.out == f"{path}\n"
    assert path.as_uri() in printed.err
    assert "my%20report.html" in printed.err
    assert "1 images cannot be shown" in printed.err


def test_a_report_without_thumbnails_downloads_nothing(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(app, 1, original_file_size=10**12)
    monkeypatch.setattr(app.aws.s3, "get_object", None)
    path = tmp_path / "report.html"
    assert report_history(app, ALL, 20, ReportOptions(path, thumbnails=False)) == 0
    assert "data:image/webp" not in path.read_text()


def test_a_report_says_that_there_are_more_records(
    app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2, 3):
        add(app, number)
    path = tmp_path / "report.html"
    report_history(app, ALL, 2, ReportOptions(path))
    assert '"more":true' in path.read_text()
    assert "--after 2026-11-23T10:00:02.000Z/2" in capsys.readouterr().err
    report_history(app, ALL, 3, ReportOptions(path, overwrite=True))
    assert '"more":false' in path.read_text()


def test_an_existing_file_is_replaced_on_request_only(app: App, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("mine")
    with pytest.raises(OutputExists, match="already exists"):
        report_history(app, ALL, 20, ReportOptions(path))
    assert path.read_text() == "mine"
    report_history(app, ALL, 20, ReportOptions(path, overwrite=True))
    assert path.read_text() != "mine"


def test_a_missing_folder_is_named_before_anything_is_read(app: App, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="There is no folder"):
        report_history(app, ALL, 20, ReportOptions(tmp_path / "no" / "report.html"))


def test_a_download_that_costs_money_is_asked_for(app: App, tmp_path: Path) -> None:
    add(app, 1, original_file_size=2 * 10**9)
    path = tmp_path / "report.html"
    with pytest.raises(click.UsageError, match="Pass --yes"):
        report_history(app, ALL, 20, ReportOptions(path))
    assert list(tmp_path.glob("*.html")) == []


def test_a_large_download_is_announced(
    app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add(app, 1, original_file_size=6 * 10**7)
    report_history(app, ALL, 20, ReportOptions(tmp_path / "report.html"))
    assert "Downloading 60.0 MB in 1 objects for the thumbnails." in capsys.readouterr().err
