"""What the patches of the emulator leave as it was."""

import pytest
from ministack.services.cloudformation import engine

from imgctl.local.emulator_patches import patch_template_loader
from infra.template import stack_template


def test_libyaml_reads_a_template_as_the_emulator_does(monkeypatch: pytest.MonkeyPatch) -> None:
    before = engine._parse_template(stack_template())
    monkeypatch.setattr(engine, "CfnLoader", engine.CfnLoader)  # to be restored
    patch_template_loader()
    assert engine._parse_template(stack_template()) == before
    assert issubclass(engine.CfnLoader, engine.yaml.CSafeLoader)
