"""A run that is done with other images: what `ftdd run`, `plan` and `results` say of it, in MLflow too."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.commands import Said, ftdd

RECIPE = """\
question: Are the images the same?
pair: {name: image_folder, target: leaves, image_size: 8}
architecture: {name: resnet, width: 1}
source: none
target: {training: {epochs: 1, batch_size: 8, optimizer: {name: adam, lr: 0.01}}}
freezing: none
"""


@pytest.mark.slow
def test_a_changed_run_is_said_left_out_and_trained_anew(tmp_path: Path) -> None:
    import mlflow

    def command(*arguments: str) -> Said:
        return ftdd(*arguments, cwd=tmp_path, FTDD_DATA=str(tmp_path))

    def mirrored() -> list[str]:
        mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'ftdd-runs/mlflow.db'}")
        found = mlflow.search_runs(experiment_names=["one"], filter_string="tags.`ftdd.role` = 'target'")
        return sorted(found["params.seed"]) if len(found) else []

    (tmp_path / "one.yaml").write_text(RECIPE)
    draws = np.random.default_rng(0)
    for half in ("train", "test"):
        for name in ("ash", "oak"):
            (tmp_path / "leaves" / half / name).mkdir(parents=True)
            for k in range(8):
                pixels = draws.integers(0, 255, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "leaves" / half / name / f"{k}.png")
    assert command("run", "one.yaml").code == 0
    assert mirrored() == ["0"]
    (tmp_path / "leaves/train/oak/7.png").unlink()

    said = command("run", "one.yaml", "--set", "sweep.seed=[0,1]")
    assert said.code == 1
    assert "0 done already, 1 trained with other inputs" in said.out
    assert "trained with other inputs: 16 training images of the target when it was trained, 15 now" in said.err
    assert "--again" in said.err
    assert mirrored() == ["1"]

    planned = command("plan", "one.yaml", "--set", "sweep.seed=[0,1]")
    assert "changed" in planned.out
    assert "nothing is left to do without --again" in planned.out
    assert "16 training images" in planned.err
    table = command("results", "one", "--csv")
    assert sum(",changed," in line for line in table.out.splitlines()) == 1
    assert "16 training images" in table.err

    again = command("run", "one.yaml", "--set", "sweep.seed=[0,1]", "--again")
    assert again.code == 0, again.err
    assert "1 run executed" in again.out
    assert "other inputs" not in again.err
    assert mirrored() == ["0", "1"]
