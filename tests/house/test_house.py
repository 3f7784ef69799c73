"""The project's own rules, as tests."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from flows.build import build
from flows.cli import VERBS
from flows.reader import RECIPES
from tasks.catalogue import catalogue
from tests.growth.test_growing import endpoint
from tests.house.reference import FOLDER, pages
from tests.mutants import MUTANTS, Mutant
from tests.texts import prose

ROOT = Path(__file__).parents[2]
PACKAGES = ("flows", "tasks", "expectations")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split("\n")


def test_the_reference_is_what_the_docstrings_say() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert written == pages(), "run `make docs`"


def fragment(use: str) -> str:
    """Give the recipe in a step's docstring."""
    found = re.search(r"```yaml\n(.*?)```", inspect.getdoc(catalogue()[use]) or "", re.DOTALL)
    assert found, f"the docstring of `{use}` has no recipe"
    return "name: fragment\n" + found[1]


@pytest.mark.parametrize("use", sorted(catalogue()))
def test_the_recipe_of_every_step_s_docstring_runs(use: str, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "exams").mkdir()
    (tmp_path / "exams/one.jsonl").write_text('{"text": "Which of the lanterns over the bridge was lit first?"}')
    for number in range(4):
        (tmp_path / "notes" / f"{number}.txt").write_text(prose(number, 12 * (number + 1)))
    (tmp_path / "faq").mkdir()
    rows = [
        json.dumps({"question": prose(n, 1), "answer": prose(n + 50, 2), "subject": "lanterns" if n % 3 == 0 else None}) for n in range(12)
    ]
    (tmp_path / "prompt.md").write_text("You answer letters to the harbour office, calmly and in full.")
    (tmp_path / "faq" / "a.jsonl").write_text("\n".join(rows))
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "a.json").write_text('{"text": "{\\"a\\": [1, true]}"}')
    (tmp_path / "samples").symlink_to(RECIPES / "samples")
    text = fragment(use)
    if "models:" in text:
        with endpoint() as url:
            dataset = build(text.replace("http://127.0.0.1:8000", url))
    else:
        dataset = build(text)
    assert sum(dataset.published.splits.values()) > 0
    assert any(report["use"] == use for report in dataset.summary["steps"])


@pytest.mark.parametrize("use", sorted(catalogue()))
def test_every_step_is_named_in_a_test(use: str) -> None:
    name = catalogue()[use].__name__
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    assert any(re.search(rf"\b{name}\(|use: {use}\b", path.read_text()) for path in tests)


def public(tree: ast.Module) -> list[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    inner = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)]
    return [node for node in inner if not node.name.startswith("_")]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_public_says_what_it_gives(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "the file says nothing"
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    nested = {inner for node in functions for inner in ast.walk(node) if inner is not node}
    for node in public(tree):
        if node not in nested:
            assert ast.get_docstring(node), node.name


def test_broad_excepts_stand_at_the_rim_only() -> None:
    allowed = {"flows/rim.py", "tasks/store/place.py"}
    for path in SOURCES:
        broad = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ExceptHandler) and getattr(node.type, "id", "") in ("Exception", "BaseException", "")
        ]
        if any(getattr(node.type, "id", None) == "Exception" or node.type is None for node in broad):
            assert str(path.relative_to(ROOT)) in allowed, path


def test_no_file_is_named_like_a_module_of_the_standard_library() -> None:
    names = {path.stem for path in SOURCES} - {"__init__", "__main__"}
    assert not names & (set(sys.stdlib_module_names) | set(PACKAGES)), names & set(sys.stdlib_module_names)


def test_prefect_s_tasks_stand_in_one_file() -> None:
    held = [str(path.relative_to(ROOT)) for path in SOURCES if re.search(r"^\s*@task\b", path.read_text(), re.MULTILINE)]
    assert held == ["flows/stages.py"]


def import_seconds(modules: str) -> tuple[float, list[str]]:
    """Give the least CPU seconds of three imports in processes of their own, and which heavy modules came along."""
    heavy = "('prefect','numba','great_expectations','distributed','ray','pandas','openai','httpx')"
    code = f"import json, sys, time; s=time.process_time(); import {modules}; t=time.process_time()-s; print(json.dumps([t, [m for m in {heavy} if m in sys.modules]]))"
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT, env=plain) for _ in range(3)]
    told = [json.loads(run.stdout) for run in runs]
    return min(seconds for seconds, _ in told), told[0][1]


def test_importing_tasks_is_quick_and_free_of_the_heavy() -> None:
    ours, heavy = import_seconds("tasks.catalogue")
    libraries, _ = import_seconds("polars, numpy, pydantic, pyarrow.parquet, fsspec, lxml.etree, jinja2, yaml")
    assert heavy == []
    assert ours < 2.5 * libraries, "the steps cost more to import than the libraries that they are made of"


@pytest.mark.parametrize("name", [name for name in TRACKED if name])
def test_no_address_of_an_index_and_no_path_of_a_machine_is_written_down(name: str) -> None:
    path = ROOT / name
    if not path.is_file():
        return
    text = path.read_bytes().decode("utf-8", "replace")
    assert not re.search(
        r"(?:py" r"pi|python" r"hosted|npm" r"js|deb[.]deb" r"ian)[.](?:org|com)|/wo" r"rk/(?:main|shared|[.]lib)|/ro" r"ot/[.]", text
    )


def test_no_rule_of_the_sources_names_a_file_of_the_corpus(corpus: Path) -> None:
    rows = (corpus / "MANIFEST.tsv").read_text().splitlines()[1:]
    ids = {found for row in rows for found in re.findall(r"\d{4}\.\d{5}|\b\d{4,5}(?=\.txt|_)", row.split("\t")[0])}
    code = "\n".join(path.read_text() for path in SOURCES)
    assert not [found for found in ids if re.search(rf"\b{found}\b", code)]


def commands(text: str) -> list[str]:
    blocks = re.findall(r"```(?:sh|bash)\n(.*?)```", text, re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]


DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN_BY_ITS_OWN_TEST = ROOT / "docs" / "guides" / "tutorial.md"
RUN_ELSEWHERE = ("make ", "git ", "prefect ", "export ", "cd ", "docker ", "pre-commit", "pip ", "py -3")
"""Commands that other tests or `.ci/run` carry out."""


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path != RUN_BY_ITS_OWN_TEST], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_the_documents_runs(path: Path, tmp_path: Path) -> None:
    (tmp_path / "faq").mkdir()
    rows = [json.dumps({"question": prose(n, 1), "answer": prose(n + 50, 2)}) for n in range(20)]
    (tmp_path / "faq.jsonl").write_text("\n".join(rows))
    (tmp_path / "notes").mkdir()
    (tmp_path / "exams").mkdir()
    (tmp_path / "exams/one.jsonl").write_text('{"text": "Which of the lanterns over the bridge was lit first?"}')
    for number in range(12):
        (tmp_path / "notes" / f"{number}.txt").write_text(prose(number, 30))
    text = path.read_text(encoding="utf-8")
    for name, content in re.findall(r"```yaml\n# (\S+\.yaml)\n(.*?)```", text, re.DOTALL):
        (tmp_path / name).write_text(content)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for command in commands(text):
        if not command.startswith(RUN_ELSEWHERE):
            done = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=300)
            assert done.returncode == 0, f"{command}\n{done.stdout[-500:]}{done.stderr[-1500:]}"
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=300)
        assert done.returncode == 0, f"{code}\n{done.stderr[-1500:]}"


def test_every_verb_is_documented_and_helps() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    for verb in VERBS:
        assert f"dartboard {verb}" in text or f"flows.{verb}" in text
        done = subprocess.run([sys.executable, "-m", "flows.cli", verb, "--help"], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0
        assert "usage: dartboard" in done.stdout


def test_a_wrong_verb_names_the_nearest() -> None:
    done = subprocess.run([sys.executable, "-m", "flows.cli", "verfy"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert "verify" in done.stderr
    bare = subprocess.run([sys.executable, "-m", "flows.cli"], capture_output=True, text=True, cwd=ROOT)
    assert all(verb in bare.stdout for verb in VERBS)


def test_a_foreign_package_of_our_name_is_detected_and_not_obeyed(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "__init__.py").write_text("raise SystemExit('the foreign one was imported')")
    code = "import flows, tasks.catalogue as c; print(c.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(ROOT / "tasks" / "catalogue.py")
    assert "ignoring the foreign package" in done.stderr


def test_exclusions_from_coverage_are_few_and_have_reasons() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    listed = tomllib.loads(text)["tool"]["coverage"]["report"]["exclude_also"]
    assert len(listed) <= 5
    assert not re.search(r"pragma: no cover", "".join(path.read_text() for path in SOURCES))


def test_every_built_in_recipe_can_be_planned() -> None:
    for recipe in sorted(RECIPES.glob("*.yaml")):
        done = subprocess.run([sys.executable, "-m", "flows.build", recipe.stem, "--plan"], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        assert "todo" in done.stdout or "cached" in done.stdout


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_still_finds_what_it_changes(mutant: Mutant) -> None:
    assert (ROOT / mutant.file).read_text(encoding="utf-8").count(mutant.old) >= 1
    path, _, name = mutant.test.partition("::")
    assert f"def {name.partition('[')[0]}(" in (ROOT / path).read_text(encoding="utf-8")
