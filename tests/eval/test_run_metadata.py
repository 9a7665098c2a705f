import getpass
import json
import socket
from pathlib import Path

import pytest
import yaml

from experiments import made_up_experiment
from lsr.eval.experiment import Experiment
from lsr.eval.run_metadata import metadata_path, run_metadata, write_metadata


@pytest.fixture
def experiment() -> Experiment:
    return made_up_experiment()


def test_the_sections_are_those_of_the_standard(experiment: Experiment) -> None:
    found = run_metadata(experiment, ["eval", "--model", "words"])

    assert {
        *("actor", "platform", "implementation", "research goal", "data", "method", "resources"),
        *("schema version", "tag"),
    } == found.keys()
    assert found["implementation"]["executable"]["cmd"] == ["lsr", "eval", "--model", "words"]
    assert found["method"]["indexing"]["encoder"] == {"model": "words", "max_length": 256}
    assert found["data"]["test collection"]["name"] == "beir/set"
    assert found["resources"]["runtime"]["search of a query"]["mean_ms"] == 3.0
    assert found["resources"]["ram"] == {"peak of the process in bytes": 123_456}


def test_is_yaml_that_reads_back(experiment: Experiment, tmp_path: Path) -> None:
    path = metadata_path(tmp_path / "out.trec.gz")

    write_metadata(path, experiment, ["eval"])

    assert path.name == "out.trec.gz.ir_metadata.yml"
    assert yaml.safe_load(path.read_text()) == run_metadata(experiment, ["eval"])


def test_says_nothing_of_the_person_or_the_place(experiment: Experiment) -> None:
    text = json.dumps(run_metadata(experiment, ["eval"]))

    words = text.replace("/", " ").replace('"', " ").split()
    for private in (socket.gethostname(), getpass.getuser(), str(Path.cwd())):
        assert private not in words
