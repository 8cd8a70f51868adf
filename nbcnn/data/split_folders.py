"""The training, validation and test folders of a data set, recognised by the names in use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from nbcnn.data.class_folders import looks, stays_inside, visible
from nbcnn.errors import DataError

_WORDS = {
    "train": {"train", "training", "trainset", "trainingset"},
    "validation": {"val", "valid", "validation", "valset", "validationset", "dev", "eval", "evaluation"},
    "test": {"test", "testing", "testset", "testingset"},
}


class Parts(NamedTuple):
    """The folders of the splits, and all other folders."""

    train: Path
    test: Path
    validation: Path | None
    unused: list[Path]

    @property
    def how(self) -> str:
        """``folders train and test``"""
        used = [path.name for path in (self.train, self.validation, self.test) if path]
        return f"folders {', '.join(used[:-1])} and {used[-1]}"

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on the use of folders that are not simply called train and test."""
        said = []
        if self.validation:
            name = self.validation.name
            said.append(f"{name} chooses the best checkpoint; {self.test.name} is only tested on")
        elif _role(self.test.name)[0] == "validation":
            said.append(f"there is no folder test, so {self.test.name} is taken for the test images")
        if self.unused:
            names = ", ".join(path.name for path in self.unused)
            said.append(f"not used: the folder{'s' if len(self.unused) > 1 else ''} {names}")
        return tuple(said)


def find_parts(folder: Path, looked_for: str) -> Parts | None:
    """The parts of the data set in a folder, or None if its folders are classes.

    Parts are called train, test and val, or alike: Training, seg_test, valid. A folder of images directly may still be
    a class that is called train, unless it stands beside one called test. Raises DataError where a part is missing or
    there twice.
    """
    folders = [path for path in visible(folder) if path.is_dir()]
    exact: dict[str, list[Path]] = {role: [] for role in _WORDS}
    longer: dict[str, list[Path]] = {role: [] for role in _WORDS}
    for path in folders:
        role, whole = _role(path.name)
        if role and whole:
            exact[role].append(path)
        elif role and looks(path) == "folders":
            longer[role].append(path)
    found = {role: exact[role] or longer[role] for role in _WORDS if exact[role] or longer[role]}
    if len(found) < 2 and not any(exact.values()):
        return None
    if len(found) == 1 and all(looks(path) == "files" for paths in found.values() for path in paths):
        return None
    for role, paths in found.items():
        if len(paths) > 1:
            names = " and ".join(path.name for path in paths)
            raise DataError(f"{folder}: the folders {names} are both called {role}; rename or move all but one")
    part = {role: paths[0] for role, paths in found.items()}
    tested = part.get("test") or part.get("validation")
    if "train" not in part or tested is None:
        has = next(iter(part.values())).name
        lacks = "train" if "train" not in part else "test or val"
        alone = f" (to divide {has} itself, give {folder / has})" if len(part) == 1 else ""
        raise DataError(f"{folder} has a folder {has}, but no folder {lacks}{alone}; looked for {looked_for}")
    validation = part.get("validation") if "test" in part else None
    used = [part["train"], tested, validation]
    return Parts(part["train"], tested, validation, [path for path in folders if path not in used])


def inner(root: Path, folder: Path, whatever: bool = False) -> Path:
    """The folder itself, or the one that it holds alone, as archives unpack: of pets/pets/cat that is pets/pets.

    A folder that is called as a part stays for ``find_parts``, unless it does not matter what it is called.
    """
    for _ in range(8):  # a link to the folder above would lead on for ever
        stays_inside(root, folder)
        folders = [path for path in visible(folder) if path.is_dir()]
        if len(folders) != 1 or looks(folders[0]) != "folders" or (_role(folders[0].name)[1] and not whatever):
            break
        folder = folders[0]
    return folder


def _role(name: str) -> tuple[str | None, bool]:
    """The part that a folder's name says, and whether it says nothing else (but for digits and capitals)."""
    words: Sequence[str] = re.findall("[a-z]+", name.lower())
    roles = {role for role, known in _WORDS.items() if known.intersection(words)}
    return (roles.pop(), len(words) == 1) if len(roles) == 1 else (None, False)
