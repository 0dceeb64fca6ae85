"""What computes here: Python, the platform, mattis, and each package that it needs, with its hash."""

import csv
import platform
import re
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict

from mattis import __version__
from mattis.plugins import digest_of_module

OPTIONAL_EXTRAS = ("examples",)
"""Extras of mattis whose packages change numbers where they are installed: the digits of scikit-learn."""

INSTALLERS_OWN = {"INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json"}
"""Files that an installer adds beside those of a package: they differ where the package does not."""

_EXTRA = re.compile(r"""extra\s*==\s*['"]([\w-]+)['"]""")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class PackageVersion(BaseModel):
    """An installed package: its version, and the SHA-256 of the sorted hashes of its files."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: str
    files: str


class Versions(BaseModel):
    """Python, the platform, mattis with the SHA-256 of its source, and the packages that it needs."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    python: str
    implementation: str
    system: str
    machine: str
    mattis: str
    source: str
    packages: dict[str, PackageVersion]

    def __str__(self) -> str:
        return f"mattis {self.mattis}, {self.implementation} {self.python}, {self.system} {self.machine}"

    def differences(self, other: "Versions") -> list[str]:
        """Return `name: here → there` for all that is another one there."""
        out = [
            f"{name} {mine or 'missing'} → {theirs or 'missing'}"
            for name, mine, theirs in self._pairs(other)
            if mine != theirs
        ]
        if self.mattis == other.mattis and self.source != other.source:
            out.insert(0, f"source of mattis {self.source:.12} → {other.source:.12}")
        return out + self._other_files(other)

    def _pairs(self, other: "Versions") -> Iterator[tuple[str, str, str]]:
        for name in ("mattis", "python", "implementation", "system", "machine"):
            yield name, getattr(self, name), getattr(other, name)
        for name in sorted({*self.packages, *other.packages}):
            mine, theirs = (each.packages.get(name) for each in (self, other))
            yield name, mine.version if mine else "", theirs.version if theirs else ""

    def _other_files(self, other: "Versions") -> list[str]:
        """Return packages of one version and other files, where Python and platform would have the same."""
        if (self.system, self.machine) != (other.system, other.machine) or minor(self.python) != minor(
            other.python
        ):
            return []
        return [
            f"files of {name} {mine.version}: {mine.files:.12} → {theirs.files:.12}"
            for name, mine in self.packages.items()
            if (theirs := other.packages.get(name))
            and mine.version == theirs.version
            and mine.files != theirs.files
        ]

    def requirements(self) -> str:
        """Return the packages as a file of requirements for pip."""
        lines = [f"{name}=={one.version}" for name, one in self.packages.items()]
        return "".join(f"{line}\n" for line in sorted(lines))


def minor(python: str) -> str:
    """Return 3.11 of 3.11.2: what wheels are built for."""
    return ".".join(python.split(".")[:2])


@cache
def versions_here() -> Versions:
    """Return the versions of this process: without paths, users or hosts."""
    return Versions(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        system=platform.system(),
        machine=platform.machine(),
        mattis=__version__,
        source=digest_of_module("mattis"),
        packages=_packages(),
    )


def _packages() -> dict[str, PackageVersion]:
    """Return what mattis needs, and what that needs, by sorted names, without mattis itself."""
    found: dict[str, PackageVersion] = {}
    waiting, seen = ["mattis"], {"mattis"}
    while waiting:
        name = waiting.pop()
        package = _installed(name)
        if package is None:
            continue
        if name != "mattis":
            found[name] = PackageVersion(version=package.version, files=_hash_of_files(package))
        needed = {*_needed(package, OPTIONAL_EXTRAS if name == "mattis" else ())} - seen
        seen |= needed
        waiting += needed
    return dict(sorted(found.items()))


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:  # of another platform, or an optional one
        return None


def _needed(package: Distribution, extras: tuple[str, ...]) -> Iterator[str]:
    """Yield the names of the packages that one needs, without those of its other extras."""
    for line in package.requires or ():
        extra, name = _EXTRA.search(line), _NAME.match(line)
        if name and (extra is None or extra[1] in extras):
            yield re.sub(r"[-_.]+", "-", name[0]).lower()


def _hash_of_files(package: Distribution) -> str:
    """Return the SHA-256 of the names and hashes of a package's files, as its RECORD lists them."""
    digest = sha256()
    for name, file_hash in sorted(_recorded(package.read_text("RECORD") or "").items()):
        digest.update(f"{name},{file_hash}\n".encode())
    return digest.hexdigest()


def _recorded(text: str) -> Mapping[str, str]:
    """Return the hashes of files by their names: of those that the wheel brought, not the installer."""
    rows = {row[0]: row[1] for row in csv.reader(text.splitlines()) if len(row) > 1 and row[1]}
    return {
        name: rows[name]
        for name, place in {name: PurePosixPath(name) for name in rows}.items()
        if ".." not in place.parts
        and place.suffix != ".pyc"
        and not (place.parts[0].endswith(".dist-info") and place.name in INSTALLERS_OWN)
    }
