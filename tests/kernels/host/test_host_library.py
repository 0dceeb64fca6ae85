"""How kernels become a library of the host: lines, bounds, and a cache that many may fill at once."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from mattis.errors import UserError
from mattis.kernels.host import library, module, sanitized
from mattis.kernels.host.library import HostError, cache, compiler_path
from mattis.kernels.host.module import HostModule
from mattis.kernels.host.source import Source, most_threads, with_dynamic_shared

TINY = 'extern "C" __global__ void one(int* out) { out[threadIdx.x] += STEP; }'

COUNTED = f"""
import numpy as np
from mattis.kernels.host.module import HostModule
out = np.zeros(3, np.int32)
HostModule({TINY!r}, ["one"], defines={{"STEP": "7"}}).get_function("one")((2,), (3,), (out,))
print(out.tolist())
"""


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of temporary files for this test alone."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)  # asks the environment again
    return tmp_path


@pytest.fixture
def compiler() -> str:
    try:
        return compiler_path()
    except UserError as absent:
        pytest.skip(str(absent))


# The text.


@pytest.mark.parametrize(
    ("code", "want"),
    [
        ("extern __shared__ int m[];", "int* const m = cuda_on_cpu::dynamic_shared<int>();"),
        ("extern  __shared__ __align__(16) unsigned char\n  b [ ] ;",
         "unsigned char* const b = cuda_on_cpu::dynamic_shared<unsigned char>();\n"),
        ("extern __shared__ alignas(8) T x[]; f();", "T* const x = cuda_on_cpu::dynamic_shared<T>(); f();"),
        ("__shared__ int room[32];", "__shared__ int room[32];"),
    ],
)  # fmt: skip
def test_dynamic_shared_memory_is_what_the_launch_gives(code: str, want: str) -> None:
    """And static shared memory stays; so do the numbers of lines."""
    assert with_dynamic_shared(code) == want
    assert want.count("\n") == code.count("\n")


@pytest.mark.parametrize(
    ("code", "name", "want"),
    [
        ("__global__ void __launch_bounds__(256) f(int* x)", "f", "256"),
        ("__global__ __launch_bounds__( 2 * WARP , 4) void f(int* x)", "f", "2 * WARP"),
        ("template <class T> __global__ void __launch_bounds__(64) f(T x)", "f<int>", "64"),
        ("template <int N> __global__ void __launch_bounds__(N) f(int x)", "f<64>", "1024"),
        ("__global__ void __launch_bounds__(256) g(int* x) {} void f(int* x)", "f", "1024"),
    ],
)
def test_launch_bounds_are_found(code: str, name: str, want: str) -> None:
    assert most_threads(code, name) == want


@pytest.mark.usefixtures("compiler")
def test_what_the_compiler_says_has_the_lines_of_the_text(own_folder: Path) -> None:
    """Of `kernel.cu`, or of the file that #line names; and nothing is left of the attempt."""
    code = '\n\n__global__ void f() { absent(); }\n#line 40 "noise.cu"\n__global__ void g() { missing(); }'
    with pytest.raises(HostError, match=r"(?s)kernel\.cu:3:.*absent.*noise\.cu:40:.*missing"):
        HostModule(code, ["f"])
    assert [*cache().iterdir()] == []
    assert cache().parent == own_folder


# The cache.


def test_the_fingerprint_is_of_all_that_counts(compiler: str) -> None:
    sources = [
        Source(TINY, ["one"]),
        Source(TINY + " ", ["one"]),
        Source(TINY, ["one", "one"]),
        Source(TINY, ["one"], "thread"),
        Source(TINY, ["one"], defines={"STEP": "1"}),
        Source(TINY, ["one"], defines={"STEP": "2"}),
    ]
    found = [library.fingerprint(source, compiler) for source in sources]
    assert len(set(found)) == len(sources)
    assert found == [library.fingerprint(source, compiler) for source in sources]


def test_the_cache_is_the_users_own(own_folder: Path) -> None:
    assert cache().parent == own_folder
    assert cache().stat().st_mode & 0o777 == 0o700
    assert cache() == cache()


@pytest.mark.parametrize("kind", ["open to all", "a link", "a file"])
def test_a_cache_that_others_could_write_is_refused(own_folder: Path, kind: str) -> None:
    folder = cache()
    folder.rmdir()
    if kind == "open to all":
        folder.mkdir()
        folder.chmod(0o770)
    elif kind == "a link":
        (own_folder / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(own_folder / "elsewhere")
    else:
        folder.touch(mode=0o600)
    with pytest.raises(UserError, match="set TMPDIR") as error:
        cache()
    assert "\n" not in str(error.value)


def test_a_cache_of_somebody_else_is_refused(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = cache()
    monkeypatch.setattr(library.os, "getuid", lambda: 12345)
    (own_folder / "mattis-host-12345").mkdir(mode=0o700)
    with pytest.raises(UserError, match="mattis-host-12345: not a folder that only you can enter"):
        cache()
    assert mine.exists()


@pytest.mark.usefixtures("compiler")
def test_two_processes_may_build_at_once(own_folder: Path) -> None:
    """Both have a whole library, there is one, and the next build is none."""
    both = [
        subprocess.Popen([sys.executable, "-c", COUNTED], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert [process.communicate()[0] for process in both] == ["[14, 14, 14]\n"] * 2
    (built,) = cache().iterdir()
    before = built.stat()
    out = np.zeros(3, np.int32)
    HostModule(TINY, ["one"], defines={"STEP": "7"}).get_function("one")((1,), (3,), (out,))
    assert out.tolist() == [7, 7, 7]
    assert [*cache().iterdir()] == [built]
    assert (built.stat().st_ino, built.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert own_folder in built.parents


# What is missing.


@pytest.mark.usefixtures("own_folder")
@pytest.mark.parametrize(("setting", "named"), [("", "g++"), ("no-such-compiler", "no-such-compiler")])
def test_without_a_compiler_one_line_says_what_to_do(
    setting: str, named: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CXX", setting)
    with pytest.raises(UserError) as error:
        HostModule(TINY, ["one"])
    text = str(error.value)
    assert text.startswith(f"{named}: not found")
    assert "install" in text
    assert "--backend cpu" in text
    assert "\n" not in text


def test_other_systems_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library.sys, "platform", "darwin")
    with pytest.raises(UserError, match="needs Linux, this is darwin; use --backend cpu"):
        HostModule(TINY, ["one"])


def test_a_sanitizer_needs_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading its library here would end this process."""
    monkeypatch.setattr(module, "library", lambda _: pytest.fail("built in vain"))
    with pytest.raises(HostError, match=r"no thread sanitizer here.*mattis\.kernels\.host\.sanitized"):
        HostModule(TINY, ["one"], sanitize="thread")


def test_a_compiler_without_sanitizers_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("#!/bin/sh\necho libtsan.so\n")  # what a compiler prints that has none
    plain.chmod(0o700)
    monkeypatch.setenv("CXX", str(plain))
    with pytest.raises(HostError, match=r"plain has no libtsan\.so"):
        sanitized.runtime("thread")
