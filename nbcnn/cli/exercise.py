"""``nbcnn exercise``: the book's questions as experiments, with a guess before."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from nbcnn.cli._output import say

if TYPE_CHECKING:
    from nbcnn.exercises.grading import Graded, Task


@click.command("exercise", short_help="The book's questions as experiments: guess first.")
@click.argument("which", metavar="list|N", required=False)
@click.option("--guess", metavar="GUESS", help="Your guess: a number, or letters. Without it you are asked.")
@click.option("--name", default="", metavar="NAME", help="Your name: each reader's question has other numbers.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Your class's seed: other numbers for all. [0]")
@click.option("--ask", is_flag=True, help="Print the question alone.")
@click.option("--quick", is_flag=True, help="Shorten trainings to a few seconds, for a try.")
@click.option("--answers", metavar="FILE", help="Grade the answers of a class: a YAML file of names and guesses.")
@click.option("--out", metavar="FOLDER", help="With --answers: write grades.json and grades.csv into a new folder.")
@click.option("--markdown", is_flag=True, help="With list: print the page docs/exercises.md.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(which: str | None, as_json: bool, **options: Any) -> None:
    """Ask exercise N (its number or name), take a guess, make the experiment, and explain the difference.

    `nbcnn exercise list` shows all. `--answers FILE` grades a class instead.
    """
    if options["answers"] is not None:
        _refuse(which is not None, "--answers says itself which exercises are graded; leave out N")
        for name in ("guess", "name", "ask", "markdown", "seed"):
            _refuse(bool(options[name]), f"--{name} is for one exercise; with --answers the file says it")
        _class(options["answers"], options["out"], options["quick"], as_json)
        return
    _refuse(options["out"] is not None, "--out is for the grades of a class; give --answers FILE too")
    _refuse(which is None, "say which exercise, by its number or name: nbcnn exercise list shows all")
    assert which is not None
    if which == "list":
        _list(options["markdown"], as_json)
        return
    _refuse(options["markdown"], "--markdown is for the list: nbcnn exercise list --markdown")
    _one(which, options, as_json)


def _refuse(wrong: bool, sentence: str) -> None:
    if wrong:
        raise click.UsageError(sentence)


def _list(markdown: bool, as_json: bool) -> None:
    from nbcnn.exercises.listing import listed, page

    if markdown:
        say(page().rstrip("\n"))
        return
    rows = listed()
    if as_json:
        say(json.dumps({"exercises": [row._asdict() for row in rows]}))
        return
    from nbcnn.cli._tables import plain_table, show

    table = plain_table(("#", "exercise", "about", "chapter", "you guess"), ("seconds",))
    for row in rows:
        table.add_row(str(row.number), row.name, row.title, row.chapter, row.guess, str(row.seconds))
    show(table)
    say("seconds: of the experiment, on two cores, once its kernels are compiled. Try: nbcnn exercise 1")


def _one(which: str, options: dict[str, Any], as_json: bool) -> None:
    from nbcnn.cli._compiling import compiling_is_told
    from nbcnn.errors import ExerciseError
    from nbcnn.exercises.grading import graded, task

    one = task(which, options["name"], options["seed"])
    guess = options["guess"]
    if options["ask"]:
        _refuse(guess is not None, "--ask prints the question and takes no --guess; leave one out")
        _print_question(one, as_json)
        return
    value = None if guess is None else one.answer.parse(guess, one.where)
    if not as_json:
        _print_question(one)
    if value is None:
        if as_json or sys.stdin is None or not sys.stdin.isatty():
            raise ExerciseError(
                f"{one.where} asks for a guess, and there is no terminal to type it at; give {one.answer.words}: "
                f"nbcnn exercise {one.exercise.number} --guess ..."
            )
        asked = f"your guess, {one.answer.words}"
        value = click.prompt(asked, default="", show_default=False, value_proc=lambda text: _typed(one, text))
    _tell_time(one, options["quick"])
    with compiling_is_told():
        result = graded(one, value, options["quick"])
    if as_json:
        say(json.dumps(result.as_json()))
    else:
        _print_result(result, one.answer.scale)


def _typed(one: Task, text: str) -> Any:
    """What was typed, as a value; click asks again where it is none."""
    from nbcnn.errors import ExerciseError

    try:
        return one.answer.parse(text, one.where)
    except ExerciseError as error:
        raise click.BadParameter(str(error)) from None


def _tell_time(one: Task, quick: bool) -> None:
    seconds = one.exercise.seconds
    if quick and one.exercise.trains:
        say("a quick try: it trains for a few seconds, and may come out otherwise than the full one ...", err=True)
    elif seconds > 2:
        say(f"this takes about {seconds} seconds on two cores ...", err=True)


def _print_question(one: Task, as_json: bool = False) -> None:
    if as_json:
        kind = {"kind": one.answer.kind, "guess": one.answer.words, "options": one.answer.lines}
        about = {"number": one.exercise.number, "exercise": one.name, "title": one.exercise.title}
        say(json.dumps({**about, "question": one.question, **kind}))
        return
    say(f"exercise {one.exercise.number}, {one.exercise.title} ({one.exercise.chapter})")
    _paragraphs(one.question)
    for line in one.answer.lines:
        _paragraphs(f"  {line}")


def _print_result(result: Graded, scale: str) -> None:
    say()
    for line in result.shown:
        say(f"  {line}")
    say()
    _paragraphs(f"credit {result.credit:.2f}: {result.sentence}")
    if result.credit < 1:
        _paragraphs(scale)
    for hint in result.hints:
        _paragraphs(hint)
    _paragraphs(result.why)


def _paragraphs(text: str) -> None:
    """Lines of a text, long ones broken; those that are set in by four columns as they are."""
    from nbcnn.cli._tables import wrapped

    for line in text.splitlines():
        say(line if line.startswith("    ") else wrapped(line).replace("\n    ", "\n"))


def _class(file: str, out: str | None, quick: bool, as_json: bool) -> None:
    from nbcnn.cli._compiling import compiling_is_told
    from nbcnn.errors import printable
    from nbcnn.exercises.class_answers import ClassGrades, grade_class, read_answers

    _, answers = read_answers(file)
    tasks = {(one.name, one.setting): one for pairs in answers.values() for one, _ in pairs}
    seconds = sum(one.exercise.seconds for one in tasks.values() if not (quick and one.exercise.trains))
    if seconds > 2:
        say(f"{len(tasks)} experiments take about {seconds} seconds on two cores ...", err=True)
    with compiling_is_told():
        grades: ClassGrades = grade_class(file, quick=quick)
    folder = grades.write(out) if out is not None else None
    if as_json:
        say(json.dumps(grades.as_json() | ({"folder": str(folder)} if folder else {})))
        return
    from nbcnn.cli._tables import plain_table, show

    table = plain_table(("student", "exercise", "guess", "answer"), ("credit",))
    for student, results in grades.students.items():
        for result in results:
            title = f"{result.number} {result.exercise}"
            table.add_row(printable(student), title, result.guess, result.answer, f"{result.credit:.2f}")
        table.add_row(printable(student), "in all", "", "", f"{grades.points(student):.2f} of {len(results)}")
    show(table)
    if folder:
        say(f"written to {printable(str(folder))}: grades.json, grades.csv")
