import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from imgctl.aws.session import connect_local
from imgctl.local import daemon
from imgctl.local.server_environment import ACCOUNT_ID
from imgctl.local.state_folder import LocalError


@pytest.fixture
def folder(tmp_path: Path) -> object:
    folder = tmp_path / "local"
    yield folder
    daemon.stop(folder)


def client(service: str, endpoint: daemon.Endpoint, key: tuple[str, str] | None = None) -> Any:
    access_key, secret_key = key or (endpoint.access_key, endpoint.secret_key)
    session = boto3.Session(
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=endpoint.region,
    )
    create: Any = session.client
    return create(service, endpoint_url=endpoint.url)


def test_data_and_address_persist_between_runs(folder: Path) -> None:
    first = daemon.start(folder)
    client("s3", first).create_bucket(Bucket="kept")
    client("s3", first).put_object(Bucket="kept", Key="a", Body=b"content")
    assert daemon.stop(folder)
    second = daemon.start(folder)
    assert second.pid != first.pid
    assert second.url == first.url
    kept = client("s3", second).get_object(Bucket="kept", Key="a")["Body"].read()
    assert kept == b"content"


def test_it_listens_only_on_the_loopback_address(folder: Path) -> None:
    endpoint = daemon.start(folder)
    assert endpoint.url.startswith("http://127.0.0.1:")
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    bound = {f[1] for f in listening if f[3] == "0A" and f[1].endswith(f":{endpoint.port:04X}")}
    assert bound == {f"0100007F:{endpoint.port:04X}"}  # 127.0.0.1, little-endian


def test_a_user_may_do_only_what_a_policy_allows(folder: Path) -> None:
    endpoint = daemon.start(folder)
    iam = client("iam", endpoint)
    iam.create_user(UserName="reader")
    iam.put_user_policy(
        UserName="reader",
        PolicyName="list",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
                ],
            }
        ),
    )
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    s3 = client("s3", endpoint, (key["AccessKeyId"], key["SecretAccessKey"]))
    assert s3.list_buckets()["Buckets"] == []
    with pytest.raises(ClientError, match="s3:CreateBucket"):
        s3.create_bucket(Bucket="not-allowed")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        client("s3", endpoint, (key["AccessKeyId"], "a guess")).list_buckets()


def test_concurrent_starts_share_one_server(folder: Path) -> None:
    endpoints: list[daemon.Endpoint] = []
    threads = [
        threading.Thread(target=lambda: endpoints.append(daemon.start(folder))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({endpoint.pid for endpoint in endpoints}) == 1


def test_functions_do_not_see_the_users_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "secret")
    monkeypatch.setenv("AWS_PROFILE", "production")
    endpoint = daemon.start(folder)
    environment = Path(f"/proc/{endpoint.pid}/environ").read_bytes()
    assert b"MY_TOKEN" not in environment
    assert b"production" not in environment


def test_another_port_is_chosen_if_the_last_one_is_in_use(folder: Path) -> None:
    folder.mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (folder / "port").write_text(str(port))
        assert daemon.start(folder).port != port


def test_a_stale_server_file_is_ignored(folder: Path) -> None:
    folder.mkdir()
    stale = daemon.Endpoint("http://127.0.0.1:9", os.getpid(), 9, "us-east-1", "a", "b")
    (folder / "server.json").write_text(
        json.dumps({name: getattr(stale, name) for name in stale.__slots__})
    )
    assert daemon.running(folder) is None
    assert not daemon.stop(folder)


def test_a_server_that_exits_at_once_is_reported_with_its_log(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(LocalError, match=r"did not start: .*server\.log"):
        daemon.start(folder)


def test_without_the_emulator_the_hint_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(LocalError) as missing:
        daemon.start(folder)
    assert "pip install 'imgctl[local]'" in missing.value.hint


def test_a_reset_deletes_all_data(folder: Path) -> None:
    endpoint = daemon.start(folder)
    client("s3", endpoint).create_bucket(Bucket="gone")
    daemon.reset(folder)
    assert daemon.running(folder) is None
    assert client("s3", daemon.start(folder)).list_buckets()["Buckets"] == []


def test_a_folder_of_another_program_is_not_reset(folder: Path) -> None:
    (folder / "home").mkdir(parents=True)
    (folder / "home" / "thesis.txt").write_text("precious")
    with pytest.raises(LocalError, match="nothing was deleted"):
        daemon.reset(folder)
    assert (folder / "home" / "thesis.txt").read_text() == "precious"


def test_state_survives_a_kill(folder: Path) -> None:
    endpoint = daemon.start(folder)
    iam = client("iam", endpoint)
    iam.create_user(UserName="kept")
    deadline_s = time.monotonic() + 20
    while "kept" not in "".join(p.read_text() for p in (folder / "state").glob("iam.json")):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    os.kill(endpoint.pid, signal.SIGKILL)
    while daemon.running(folder):
        time.sleep(0.05)
    users = client("iam", daemon.start(folder)).list_users()["Users"]
    assert [user["UserName"] for user in users] == ["kept"]


def test_an_interrupted_start_leaves_no_server(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: str) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(daemon, "_healthy", interrupt)
        with pytest.raises(KeyboardInterrupt):
            daemon.start(folder)
    assert daemon.running(folder) is None
    daemon.start(folder)


def test_no_second_server_is_started_if_the_first_does_not_respond(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = daemon.start(folder)
    os.kill(endpoint.pid, signal.SIGSTOP)
    try:
        monkeypatch.setattr(daemon, "_START_TIMEOUT_S", 0)
        with pytest.raises(LocalError, match="not responding"):
            daemon.start(folder)
    finally:
        os.kill(endpoint.pid, signal.SIGCONT)
    monkeypatch.undo()
    assert daemon.start(folder).pid == endpoint.pid


def test_proxies_and_profiles_of_the_user_are_ignored(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    endpoint = daemon.start(folder)
    aws = connect_local(
        url=endpoint.url,
        region=endpoint.region,
        access_key=endpoint.access_key,
        secret_key=endpoint.secret_key,
    )
    assert aws.account_id == ACCOUNT_ID


def test_a_running_server_refuses_another_region(folder: Path) -> None:
    daemon.start(folder, "eu-west-2")
    assert daemon.start(folder).region == "eu-west-2"
    with pytest.raises(LocalError, match="eu-west-2, not in us-west-1"):
        daemon.start(folder, "us-west-1")


def test_modules_in_the_folder_are_not_imported(folder: Path) -> None:
    folder.mkdir()
    for module in ("boto3", "json", "imgctl"):
        (folder / f"{module}.py").write_text("raise SystemExit('imported from the folder')")
    assert daemon.start(folder).region == daemon.DEFAULT_REGION


def test_the_emulator_finds_no_docker_and_starts_without_boto3(folder: Path) -> None:
    """With Docker, it would remove the containers of every MiniStack on the machine."""
    program = (
        "import sys, imgctl.local.server\n"
        "from ministack.services import lambda_svc\n"
        "print(lambda_svc._docker_available, 'botocore' in sys.modules)"
    )
    # Without STATE_DIR the emulator writes to /tmp, whatever TMPDIR says.
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "STATE_DIR": str(folder)},
    )
    assert done.stdout == "False False\n"
