import unicodedata

import pytest

from imgctl.core.errors import InvalidInput
from imgctl.operations.input_files import InputFile
from imgctl.operations.upload_keys import UploadFile, assign_key, assign_keys


def test_keys_are_names_under_the_prefix() -> None:
    files = [InputFile("/x/a.png", "trip/a.png")]
    assert [file.key for file in assign_keys(files, "/2026/")] == ["2026/trip/a.png"]
    assert [file.key for file in assign_keys(files, "")] == ["trip/a.png"]


def test_one_file_may_have_any_key_that_s3_allows() -> None:
    file = InputFile("/x/a.png", "a.png")
    assert assign_key([file], "trip/b c.png") == [UploadFile(file.path, "trip/b c.png")]
    (decomposed,) = assign_key([file], unicodedata.normalize("NFD", "Käse.png"))
    assert decomposed.key == "Käse.png"
    with pytest.raises(InvalidInput, match="one file, not 2"):
        assign_key([file, file], "b.png")
    for key in ("", "trip/", "a\n.png", "a/../b.png", "./a.png", "x" * 1025):
        with pytest.raises(InvalidInput, match="The key"):
            assign_key([file], key)


def test_two_files_for_one_key_are_refused() -> None:
    files = [InputFile(f"{folder}/a.png", "a.png") for folder in ("x", "y")]
    with pytest.raises(InvalidInput, match=r"would both become a\.png"):
        assign_keys(files, "")


def test_a_prefix_does_not_lead_upwards() -> None:
    with pytest.raises(InvalidInput, match=r"'\.\.'"):
        assign_keys([], "a/../b")


def test_decomposed_names_become_composed_keys() -> None:
    decomposed, composed = "cafe\u0301/e\u0301.png", "caf\u00e9/\u00e9.png"
    files = [InputFile(f"/x/{decomposed}", decomposed)]
    assert [file.key for file in assign_keys(files, "")] == [composed]
    assert [file.path for file in assign_keys(files, "")] == [f"/x/{decomposed}"]


def test_names_that_differ_only_in_how_accents_are_encoded_are_refused() -> None:
    names = ("e\u0301.png", "\u00e9.png")
    files = [InputFile(f"/x/{name}", name) for name in names]
    with pytest.raises(InvalidInput, match="would both become") as refused:
        assign_keys(files, "")
    assert "differ only in how accents are encoded" in refused.value.hint
