import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from imgctl.cli.resolved_settings import resolve
from imgctl.cli.settings import SETTINGS, Settings, SettingsError
from imgctl.core.renditions import RenditionSet
from imgctl.core.spec import ResizeSpec, Scale
from infra.settings import StackSettings
from tests.cli_result import CliResult


def write(folder: Path, text: str) -> Path:
    path = folder / "imgctl.toml"
    path.write_text(text)
    return path


def test_options_take_precedence_over_variables_and_variables_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'stack = "file"\nregion = "eu-west-1"\nscale = 0.25\n')
    settings = resolve(
        {"stack": "option"}, {"IMGCTL_STACK": "env", "IMGCTL_REGION": "us-east-2"}, tmp_path
    )
    assert settings.settings.stack == "option"
    assert settings.settings.region == "us-east-2"
    assert settings.settings.stack_settings.scale == "0.25"
    assert settings.settings.stack_settings.prefix == "resized-"
    origins = [settings.origins[name] for name in ("stack", "region", "scale", "prefix")]
    assert origins == ["--stack", "IMGCTL_REGION", f"{path}:3", "default"]


def test_the_file_is_found_upwards_from_the_working_folder(tmp_path: Path) -> None:
    path = write(tmp_path, 'stack = "above"')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    resolved = resolve({}, {}, below)
    assert (resolved.settings.stack, resolved.file) == ("above", path)


def test_a_named_file_is_used_instead_of_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, 'stack = "nearest"')
    other = tmp_path / "other.toml"
    other.write_text('stack = "named"')
    by_option = resolve({"config": str(other)}, {}, tmp_path)
    by_variable = resolve({}, {"IMGCTL_CONFIG": str(other)}, tmp_path)
    assert by_option.settings.stack == by_variable.settings.stack == "named"


@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_a_boolean_variable_accepts_the_usual_words(value: str, tmp_path: Path) -> None:
    assert resolve({}, {"IMGCTL_LOCAL": value}, tmp_path).settings.local is True
    assert resolve({"local": True}, {"IMGCTL_LOCAL": "0"}, tmp_path).settings.local is True


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("scale = 2", "above 0 and at most 1"),
        ('scale = "half"', "above 0 and at most 1"),
        ("memory_mb = 100", "256 to 10240"),
        ("memory_mb = 512.5", "256 to 10240"),
        ("timeout_s = true", "30 to 900"),
        ('local = "perhaps"', "true or false"),
        ('architecture = "mips"', "arm64 or x86_64"),
        ("log_retention_days = 8", "1, 3, 5, 7, 14"),
        ("log_retention_days = true", "1, 3, 5, 7, 14"),
        ('region = ""', "a region such as eu-west-2"),
        ("account = 123456789012", '12 digits in quotes, as in "123456789012"'),
        ('account = "1234"', "12 digits in quotes"),
        ('account = "١٢٣٤٥٦٧٨٩٠١٢"', "12 digits in quotes"),
        ('alarm_email = "me"', "me@example.org"),
        ('alarm_topic = "arn:aws:sns:eu-west-2:123456789012:a.fifo"', "a standard topic"),
        ("quality = 0", "1 to 100"),
        ("reserved_concurrency = 0", "1 to 1000"),
        ('api_authorization = "public"', "iam, key or none"),
        ("api_requests_per_s = 0", "1 to 10000"),
        ("api_burst = -1", "1 to 5000"),
        ('kms_key = "alias/mine"', "a key ARN"),
        ('table = "a b"', "3 to 255 letters"),
        (f'function = "{"x" * 65}"', "1 to 64 letters"),
        ('api_role = "a/b"', "1 to 64 letters"),
        ('access_logs_bucket = "Logs"', "3 to 63"),
        ('stack = "Upper"', "lowercase"),
        ('source_bucket = "no_underscore"', "3 to 63"),
        ('prefix = "a/b"', "without a slash"),
        ('prefix = ".."', "without a slash"),
        (r'prefix = "\u001b[31m"', "without a slash"),
    ],
)
def test_an_invalid_value_is_reported_with_its_line_and_what_is_accepted(
    tmp_path: Path, line: str, allowed: str
) -> None:
    path = write(tmp_path, f"# first\n\n{line}\n")
    with pytest.raises(SettingsError) as refused:
        resolve({}, {}, tmp_path)
    assert refused.value.message.startswith(f"{path}:3: {line.split(maxsplit=1)[0]}")
    assert allowed in refused.value.hint


@pytest.mark.parametrize("line", ['paint = "blue"', "yes = true", "json = true"])
def test_an_unknown_setting_is_reported_with_the_known_ones(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, line)
    with pytest.raises(
        SettingsError, match=f"{path}:1: Unknown setting {line.split(maxsplit=1)[0]}"
    ) as refused:
        resolve({}, {}, tmp_path)
    assert "source_bucket" in refused.value.hint


def test_an_account_that_begins_with_a_zero_needs_quotes(tmp_path: Path) -> None:
    write(tmp_path, 'stack = "photos"\naccount = 012345678901\n')
    with pytest.raises(SettingsError, match="line 2") as refused:
        resolve({}, {}, tmp_path)
    assert "put the account in quotes" in refused.value.hint


def test_invalid_toml_is_reported_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "stack = = 1")
    with pytest.raises(SettingsError, match=r"imgctl\.toml.*line 1"):
        resolve({}, {}, tmp_path)


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        resolve({"config": "nowhere.toml"}, {}, tmp_path)


def test_an_invalid_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="IMGCTL_MEMORY_MB"):
        resolve({}, {"IMGCTL_MEMORY_MB": "lots"}, tmp_path)


def test_defaults_and_examples_are_valid() -> None:
    for spec in SETTINGS:
        if spec.default is not None:
            assert spec.kind.parse(spec.default) == spec.default
        if spec.example is not None:
            assert str(spec.kind.parse(spec.example)) == str(spec.example)


def test_a_path_in_the_file_is_relative_to_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'local_dir = "data"')
    below = tmp_path / "below"
    below.mkdir()
    named = {"config": str(path)}
    assert resolve(named, {}, below).settings.local_dir == path.parent / "data"
    given = resolve(named | {"local_dir": "here"}, {}, below)
    assert given.settings.local_dir == Path("here")


def test_every_name_is_a_field_of_the_settings_or_of_the_stack_settings(tmp_path: Path) -> None:
    resolved = resolve({}, {}, tmp_path)
    fields = {*Settings.__slots__, *StackSettings.__slots__} - {"stack_settings"}
    assert {spec.name for spec in SETTINGS} == fields
    assert resolved.origins.keys() == fields
    for name in fields - {"local_dir"}:
        (spec,) = (spec for spec in SETTINGS if spec.name == name)
        assert resolved.value(name) == spec.default


def test_an_invalid_key_is_reported_with_its_option(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--cmk: kms_key: invalid value 'mine'"):
        resolve({"kms_key": "mine"}, {}, tmp_path)


def test_a_found_file_does_not_choose_where_programs_and_state_come_from(tmp_path: Path) -> None:
    path = write(tmp_path, 'local = true\nlocal_dir = "assets"\n')
    with pytest.raises(SettingsError, match=f"{path}:2: local_dir is not accepted") as refused:
        resolve({}, {}, tmp_path)
    assert "--config" in refused.value.hint
    named = resolve({"config": str(path)}, {}, tmp_path)
    assert named.settings.local_dir == tmp_path / "assets"
    assert resolve({}, {"IMGCTL_CONFIG": str(path)}, tmp_path).settings.local


def test_a_found_file_of_another_user_is_ignored_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    above = write(tmp_path, 'stack = "mine"')
    folder = tmp_path / "shared"
    folder.mkdir()
    theirs = write(folder, 'stack = "theirs"')
    lstat = Path.lstat

    def owned_by_another(path: Path) -> os.stat_result:
        status = list(lstat(path))
        if path == theirs:
            status[4] = os.geteuid() + 1  # st_uid
        return os.stat_result(status)

    monkeypatch.setattr(Path, "lstat", owned_by_another)
    resolved = resolve({}, {}, folder)
    assert (resolved.settings.stack, resolved.file, resolved.ignored) == ("mine", above, theirs)
    assert resolve({"config": str(theirs)}, {}, folder).settings.stack == "theirs"
    above.unlink()
    resolved = resolve({}, {}, folder)
    assert (resolved.settings.stack, resolved.file, resolved.ignored) == ("imgctl", None, theirs)


@pytest.mark.parametrize("command", [("config",), ("config", "--json"), ("config", "--quiet")])
def test_whoever_is_misled_by_anothers_file_is_told_so_once(
    imgctl: Callable[..., CliResult], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    path = write(Path.cwd(), 'stack = "theirs"')
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    done = imgctl(*command)
    assert done.code == 0
    assert done.err.count(f"Ignored {path}") == 1


def test_a_profile_that_a_found_file_selects_is_reported(
    imgctl: Callable[..., CliResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(Path.cwd(), 'profile = "production"\nregion = "eu-west-2"\n')
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert "Using the AWS profile production from " in imgctl("history").err
    assert "Using the AWS profile" not in imgctl("history", "--profile", "production").err


def test_a_prefix_has_the_letters_that_the_template_accepts(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="invalid value"):
        resolve({}, {"IMGCTL_PREFIX": "größe-"}, tmp_path)


# ------------------------------------------------------------- renditions

RENDITIONS = """\
stack = "photos"

[[renditions]]
name = "half"
prefix = "resized-"
scale = 0.5

  [[ renditions ]]
name = "web"
prefix = "web/"
fit = "1600x1600"
format = "webp"
"""


def test_renditions_are_read_from_tables(tmp_path: Path) -> None:
    path = write(tmp_path, RENDITIONS)
    resolved = resolve({}, {}, tmp_path)
    renditions = resolved.settings.stack_settings.rendition_set
    assert renditions.names == ("half", "web")
    assert resolved.origins["renditions"] == f"{path}:3"


def test_without_renditions_there_is_one_result_of_the_other_settings(tmp_path: Path) -> None:
    write(tmp_path, 'scale = "25%"\nprefix = "small-"\nquality = 60')
    renditions = resolve({}, {}, tmp_path).settings.stack_settings.rendition_set
    spec = ResizeSpec(target=Scale(Fraction(1, 4)), quality=60)
    assert renditions == RenditionSet.unnamed("small-", spec)


@pytest.mark.parametrize(
    ("change", "line", "message", "hint"),
    [
        (('fit = "1600x1600"', 'fit = "1600"'), 11, "invalid value '1600' for fit", "WIDTHxHEIGHT"),
        (('format = "webp"', "'format' = 'heic'"), 12, "'heic' for format", "jpeg, png"),
        (('name = "web"', 'name = "half"'), 9, "called half", "another name"),
        (('prefix = "web/"', 'prefix = "resized-web-"'), 10, "results of half", "'web/'"),
        (('prefix = "web/"\n', ""), 8, "prefix is missing", "'web/'"),
        (("scale = 0.5", "sacle = 0.5"), 6, "unknown field sacle", "Known fields: name"),
        (("scale = 0.5", "scale = 0.5\nwidth = 5"), 7, "scale and width are both given", "fit"),
    ],
)
def test_what_is_wrong_with_a_rendition_is_reported_with_file_and_line(
    tmp_path: Path, change: tuple[str, str], line: int, message: str, hint: str
) -> None:
    path = write(tmp_path, RENDITIONS.replace(*change))
    with pytest.raises(SettingsError) as raised:
        resolve({}, {}, tmp_path)
    assert raised.value.message.startswith(f"{path}:{line}: renditions, number ")
    assert message in raised.value.message
    assert hint in raised.value.hint


def test_renditions_in_one_line_are_reported_with_it(tmp_path: Path) -> None:
    path = write(tmp_path, 'stack = "a"\nrenditions = [{name = "half"}]')
    with pytest.raises(SettingsError) as raised:
        resolve({}, {}, tmp_path)
    assert raised.value.message == f"{path}:2: renditions, number 1: prefix is missing."


@pytest.mark.parametrize("name", ["scale", "prefix", "quality"])
@pytest.mark.parametrize("by_variable", [True, False])
def test_settings_of_one_result_are_refused_beside_renditions(
    tmp_path: Path, name: str, by_variable: bool
) -> None:
    value = {"scale": "0.3", "prefix": "small-", "quality": "60"}[name]
    line = f"{name} = {value if name == 'quality' else repr(value)}\n"
    path = write(tmp_path, ("" if by_variable else line) + RENDITIONS)
    environ = {f"IMGCTL_{name.upper()}": value} if by_variable else {}
    with pytest.raises(SettingsError) as raised:
        resolve({}, environ, tmp_path)
    place = f"IMGCTL_{name.upper()}" if by_variable else f"{path}:1"
    assert raised.value.message.startswith(f"{place}: {name} cannot be combined with renditions")


def test_a_variable_holds_renditions_as_json(tmp_path: Path) -> None:
    text = '[{"name": "web", "prefix": "web/", "width": 800}]'
    resolved = resolve({}, {"IMGCTL_RENDITIONS": text}, tmp_path)
    assert resolved.settings.stack_settings.rendition_set.names == ("web",)
    with pytest.raises(SettingsError, match=r"IMGCTL_RENDITIONS: renditions: not JSON"):
        resolve({}, {"IMGCTL_RENDITIONS": "web"}, tmp_path)


@pytest.mark.parametrize(
    "value", ["public, max-age=31536000, immutable", "no-store", 'private="x, y", max-age=0']
)
def test_cache_control_has_directives(value: str, tmp_path: Path) -> None:
    resolved = resolve({}, {"IMGCTL_CACHE_CONTROL": value}, tmp_path)
    assert resolved.settings.stack_settings.cache_control == value


@pytest.mark.parametrize("value", ["", "a b", "max-age=1\r\nX-Evil: 1", "é", "a,,b", "a" * 600])
def test_a_cache_control_that_is_no_header_is_refused(value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="IMGCTL_CACHE_CONTROL"):
        resolve({}, {"IMGCTL_CACHE_CONTROL": value}, tmp_path)


@pytest.mark.parametrize(
    "value",
    ["*", "https://photos.example.org", "http://localhost:5173,https://a.example:8443"],
)
def test_origins_are_those_that_browsers_send(value: str, tmp_path: Path) -> None:
    resolved = resolve({}, {"IMGCTL_CORS_ORIGINS": value}, tmp_path)
    assert resolved.settings.stack_settings.cors_origins == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        "photos.example.org",
        "https://photos.example.org/",
        "https://Photos.example.org",
        "https://a.example, https://b.example",
        "https://a.example,*",
        "https://*.example.org",
        "https://a.example'",
        "https://a.example\r\nSet-Cookie: x",
        "javascript:alert(1)",
        "null",
    ],
)
def test_an_origin_that_no_browser_sends_is_refused(value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="IMGCTL_CORS_ORIGINS"):
        resolve({}, {"IMGCTL_CORS_ORIGINS": value}, tmp_path)


# ------------------------------------------------------------- tags


def test_tags_are_a_table_or_a_variable_and_an_empty_one_is_not_none(tmp_path: Path) -> None:
    assert resolve({}, {}, tmp_path).settings.stack_tags is None
    path = write(tmp_path, '[tags]\nteam = "photos"\n"cost center" = "42"\n')
    resolved = resolve({}, {}, tmp_path)
    assert resolved.settings.stack_tags == {"team": "photos", "cost center": "42"}
    assert resolved.origins["tags"] == f"{path}:1"
    variable = resolve({}, {"IMGCTL_TAGS": '{"team": "ci"}'}, tmp_path)
    assert variable.settings.stack_tags == {"team": "ci"}
    write(tmp_path, "[tags]\n")
    assert resolve({}, {}, tmp_path).settings.stack_tags == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('tags = "team=photos"', "imgctl.toml:1: tags: not a table"),
        ('stack = "a"\n[tags]\n"aws:x" = "y"', "imgctl.toml:2: tags: the key 'aws:x' is reserved"),
        ("[tags]\nmemory_mb = 512", "imgctl.toml:1: tags: the value of 'memory_mb' is not a str"),
        ("[[tags]]\nteam = 'a'", "imgctl.toml:1: tags: not a table"),
    ],
)
def test_tags_that_cannot_be_set_are_refused_with_their_place(
    tmp_path: Path, text: str, message: str
) -> None:
    write(tmp_path, text)
    with pytest.raises(SettingsError) as raised:
        resolve({}, {}, tmp_path)
    assert message in raised.value.message
    assert raised.value.hint


# ------------------------------------------------------------- roles


def test_the_role_that_imgctl_assumes_and_that_of_cloudformation_are_two_settings(
    tmp_path: Path,
) -> None:
    mine, theirs = (f"arn:aws:iam::123456789012:role/{name}" for name in ("teams/me", "cfn"))
    path = write(tmp_path, f'assume_role = "{mine}"\nrole_arn = "{theirs}"\n')
    resolved = resolve({}, {}, tmp_path)
    assert (resolved.settings.assume_role, resolved.settings.role_arn) == (mine, theirs)
    assert resolved.found_in_file("assume_role") == mine
    assert resolve({"config": str(path)}, {}, tmp_path).found_in_file("assume_role") is None
    option = resolve({"assume_role": theirs}, {}, tmp_path)
    assert (option.settings.assume_role, option.origins["assume_role"]) == (theirs, "--role-arn")


@pytest.mark.parametrize(
    "arn", ["me", "arn:aws:iam::123456789012:user/me", "arn:aws:iam::12:role/me", ""]
)
def test_what_is_no_roles_arn_is_refused(tmp_path: Path, arn: str) -> None:
    with pytest.raises(SettingsError, match="--role-arn: assume_role: invalid value"):
        resolve({"assume_role": arn}, {}, tmp_path)
