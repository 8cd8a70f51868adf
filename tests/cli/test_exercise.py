"""``nbcnn exercise``: asked, guessed, graded; what it refuses."""

from __future__ import annotations

import io
import json

import pytest

from nbcnn.cli import main
from nbcnn.exercises import task


def call(capsys, *words):
    """Exit code, output and error output of ``nbcnn exercise`` with these words."""
    with pytest.raises(SystemExit) as stop:
        main(["exercise", *map(str, words)])
    output = capsys.readouterr()
    assert "Traceback" not in output.err
    return stop.value.code, output.out, output.err


def rows_of_10():
    n, k, p, s, d = task(10).setting
    return (n + 2 * p - d * (k - 1) - 1) // s + 1


def test_a_guess_is_graded_and_explained(capsys):
    rows = rows_of_10()
    code, out, _ = call(capsys, 10, "--guess", rows + 1)
    assert code == 0
    assert out.startswith("exercise 10, The shape of an output (Padding and stride)\nAn image of ")
    assert f"credit 0.75: you said {rows + 1}, it is {rows} rows: 1 too high" in out
    assert "Credit is 1 where a number is right, 0 where it is off by 4 rows or more.\n" in out
    assert "That rounds up." in out
    code, out, _ = call(capsys, "output_shape", "--guess", rows, "--json")
    assert (code, json.loads(out)["credit"]) == (0, 1.0)


def test_the_question_alone_reveals_nothing(capsys):
    code, out, _ = call(capsys, 2, "--ask", "--json")
    assert code == 0
    assert set(json.loads(out)) == {"number", "exercise", "title", "question", "kind", "guess", "options"}
    code, out, _ = call(capsys, 10, "--ask", "--name", "Ada")
    assert "How many\nrows has the output?" in out
    assert "credit" not in out


def test_a_guess_is_typed_at_a_terminal(capsys, monkeypatch):
    terminal = io.StringIO(f"\nb\n1000\n{rows_of_10()}\n")
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stdin", terminal)
    code, out, err = call(capsys, 10)
    assert code == 0
    assert "your guess, a whole number from 0 to 100 (rows): " in out
    assert "expected a whole number from 0 to 100 (rows), got nothing" in out + err
    assert "expected a whole number from 0 to 100 (rows), got 'b'" in out + err
    assert "got 1,000; the nearest is 100" in out + err
    assert "credit 1.00: " in out
    assert "Credit is" not in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "say which exercise, by its number or name: nbcnn exercise list shows all"),
        (
            [10],
            "exercise 10 (output_shape) asks for a guess, and there is no terminal to type it at; give a whole number",
        ),
        ([10, "--json"], "give a whole number from 0 to 100 (rows): nbcnn exercise 10 --guess ..."),
        (
            [10, "--guess", "b"],
            "error: exercise 10 (output_shape): expected a whole number from 0 to 100 (rows), got 'b'",
        ),
        ([99, "--guess", "1"], "error: there is no exercise 99: they are numbered from 1 to "),
        (["lst"], "there is no exercise 'lst'"),
        ([10, "--ask", "--guess", 1], "--ask prints the question and takes no --guess"),
        ([10, "--out", "x"], "--out is for the grades of a class; give --answers FILE too"),
        ([10, "--answers", "x"], "--answers says itself which exercises are graded; leave out N"),
        (["--answers", "x", "--guess", 1], "--guess is for one exercise; with --answers the file says it"),
        (["--answers", "none.yaml"], "none.yaml"),
        ([10, "--markdown"], "--markdown is for the list"),
        ([10, "--seed", -1], "'--seed'"),
    ],
)
def test_what_is_refused(capsys, monkeypatch, tmp_path, words, sentence):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, _, err = call(capsys, *words)
    assert code == 2
    assert sentence in err


def test_the_list(capsys):
    code, out, _ = call(capsys, "list")
    assert code == 0
    assert "output_shape" in out
    code, out, _ = call(capsys, "list", "--json")
    assert len(json.loads(out)["exercises"]) >= 24


def test_a_class(capsys, tmp_path):
    (tmp_path / "class.yaml").write_text("students:\n  Ada: {10: 3}\n  Bo: {1: 4, 10: 5}\n")
    code, out, _ = call(capsys, "--answers", tmp_path / "class.yaml", "--out", tmp_path / "grades")
    assert code == 0
    assert "Bo       in all" in out
    assert (tmp_path / "grades" / "grades.csv").exists()
    code, out, _ = call(capsys, "--answers", tmp_path / "class.yaml", "--json")
    assert [one["of"] for one in json.loads(out)["students"]] == [1, 2]
