"""From the text of kernels to a library on disk: one run of the compiler for each text."""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from mattis.errors import UserError
from mattis.kernels.host.source import Sanitizer as Sanitizer
from mattis.kernels.host.source import Source

HEADERS = Path(__file__).parent


class HostError(RuntimeError):
    """The compiler's error message, or the reason why a kernel could not run on the host."""


def library(source: Source) -> Path:
    """Return the compiled library of a source, from the cache or compiled now.

    Raises `UserError` where there is no compiler or no safe place for the library, `HostError` with the
    compiler's text where it refuses.
    """
    if sys.platform != "linux":
        raise UserError(f"the simulated backend needs Linux, this is {sys.platform}; use --backend cpu")
    compiler = compiler_path()
    path = cache() / f"{fingerprint(source, compiler)}.so"
    if not path.exists():
        compile_to(path, source, compiler)
    return path


def compiler_path() -> str:
    """Return the C++ compiler: $CXX, or g++, or clang++. Raises `UserError` where there is none."""
    name = os.environ.get("CXX", "")
    path = shutil.which(name) if name else shutil.which("g++") or shutil.which("clang++")
    if path is None:
        raise UserError(
            f"{name or 'g++'}: not found, and the simulated backend compiles its kernels with it;"
            " install it (Debian, Ubuntu: apt-get install g++; conda: gxx), or use --backend cpu"
        )
    return path


def cache() -> Path:
    """Return the folder of compiled libraries: one of this user, in which nobody else can put one.

    Raises `UserError` where something else has its name.
    """
    folder = Path(tempfile.gettempdir()) / f"mattis-host-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()  # of the name itself: a link may point anywhere
    private = stat.S_ISDIR(status.st_mode) and not stat.S_IMODE(status.st_mode) & 0o077
    if not private or status.st_uid != os.getuid():
        raise UserError(
            f"{folder}: not a folder that only you can enter, so what it holds cannot be trusted;"
            " remove it, or set TMPDIR to a folder of yours"
        )
    return folder


def fingerprint(source: Source, compiler: str) -> str:
    """Return a hash of all that the library depends on."""
    real = Path(compiler).resolve()
    status = real.stat()
    parts = [source.text, *source.flags, f"{real} {status.st_mtime_ns} {status.st_size}"]
    parts += [header.read_text() for header in sorted(HEADERS.glob("*.h"))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def compile_to(path: Path, source: Source, compiler: str) -> None:
    """Compile a source; the library appears at its path whole, however many processes do the same."""
    plain = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}  # no sanitizer in the compiler
    with tempfile.TemporaryDirectory(prefix="build-", dir=path.parent) as build:
        text, library_ = Path(build, "text.cpp"), Path(build, "made.so")
        text.write_text(source.text)
        command = [compiler, *source.flags, f"-I{HEADERS}", str(text), "-o", str(library_)]
        process = subprocess.run(command, capture_output=True, text=True, check=False, env=plain)
        if process.returncode:
            raise HostError(f"{Path(compiler).name} refuses the kernels' text:\n{process.stderr}")
        library_.replace(path)
