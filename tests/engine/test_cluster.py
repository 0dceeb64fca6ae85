"""Where a study runs never changes a number: threads, GPUs, schedulers that exist, and their doors."""

import asyncio
import importlib.metadata
import multiprocessing
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
import psutil
import pytest
from builders import SECONDS, exit_code, make_study, started, undisturbed, write_study
from distributed import Client

from mattis.cli.command import guarded, verbs
from mattis.engine import cluster, crew, dispatch
from mattis.engine.cluster import Where
from mattis.engine.driver import Settings, run
from mattis.engine.status import digest, status
from mattis.errors import Fault, UserError
from mattis.networks.registry import load_study
from mattis.store.results import results_of
from mattis.study import plan
from mattis.study.base import Study


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


IDLE = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
}
"""Settings of processes that mostly wait: as those of a run, without samples of their stacks."""


@contextmanager
def scheduler(
    *options: str, workers: int = 1, worker_options: tuple[str, ...] = ()
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Start `dask scheduler` and `dask worker` on loopback; yield the address and the scheduler."""
    kind = "tls" if options else "tcp"
    address = f"{kind}://127.0.0.1:{free_port()}"
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": {**os.environ, **IDLE}}
    words = ["scheduler", "--host", address, "--no-dashboard", *options]
    first = subprocess.Popen([*dask, *words], **quiet)  # type: ignore[call-overload]
    local = [
        "--host",
        "127.0.0.1",
        "--nthreads",
        "1",
        "--no-dashboard",
        "--no-nanny",
        "--death-timeout",
        "60",
    ]
    words = ["worker", address, *local, *options, *worker_options]
    others = [
        subprocess.Popen([*dask, *words], **quiet)  # type: ignore[call-overload]
        for _ in range(workers)
    ]
    try:
        yield address, first
    finally:
        for process in [*others, first]:
            process.terminate()
        for process in [*others, first]:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_give_the_same_numbers(tmp_path: Path, study: Study, workers: int) -> None:
    outcome = run(study, tmp_path, Settings(workers, where=Where(pool="threads")))
    assert outcome.digest == undisturbed(study, tmp_path)


@pytest.fixture(scope="module")
def plain() -> Iterator[str]:
    """The address of a scheduler with two workers, which no test harms."""
    with scheduler(workers=2) as (address, _):
        yield address


def test_a_scheduler_that_exists_gives_the_same_numbers(tmp_path: Path, study: Study, plain: str) -> None:
    outcome = run(study, tmp_path, Settings(where=Where(scheduler=plain)))
    assert outcome.computed == 72
    assert outcome.digest == undisturbed(study, tmp_path)


def certificates(folder: Path) -> tuple[str, ...]:
    """Make a certificate for this test; return the options that dask's commands and mattis share."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mattis test")])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    cert, secret = str(folder / "cert.pem"), str(folder / "key.pem")
    return ("--tls-ca-file", cert, "--tls-cert", cert, "--tls-key", secret)


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The address of a scheduler that speaks TLS; what it takes: authority, certificate, key."""
    options = certificates(tmp_path_factory.mktemp("certificates"))
    with scheduler(*options) as (address, _):
        yield address, options[1::2]


def test_tls_is_passed_through(tmp_path: Path, study: Study, encrypted: tuple[str, tuple[str, ...]]) -> None:
    address, (authority, certificate, key) = encrypted
    words = ("run", write_study(tmp_path), "--results", tmp_path, "--scheduler", address)
    tls = ("--tls-ca", authority, "--tls-cert", certificate, "--tls-key", key)
    assert exit_code(*words, *tls) == 0
    assert digest(study, tmp_path) == undisturbed(study, tmp_path)


def test_who_has_not_the_right_certificate_is_told_so_in_one_line(
    tmp_path: Path, study: Study, monkeypatch: pytest.MonkeyPatch, encrypted: tuple[str, tuple[str, ...]]
) -> None:
    """The right one may stand in Dask's configuration."""
    address, right = encrypted
    keys = [f"distributed.comm.tls.{name}" for name in ("ca-file", "client.cert", "client.key")]
    with dask.config.set(dict(zip(keys, right, strict=True))):
        assert run(study, tmp_path, Settings(where=Where(scheduler=address))).computed == 72
    monkeypatch.setattr(cluster, "SCHEDULER_PATIENCE", 2)
    given = certificates(tmp_path)[1::2]
    for tls in ((None, None, None), (given[0], given[1], given[2])):
        with pytest.raises(Fault, match="does not take these certificates") as caught:
            run(study, tmp_path / "none", Settings(where=Where(scheduler=address, tls=tls)))
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith(f"--scheduler {address}: ")


@pytest.mark.parametrize(
    ("address", "better"),
    [
        ("tcp://10.0.0.1:1", "tls://10.0.0.1:1"),
        ("tcp://[fe80::1]:1", "tls://[fe80::1]:1"),
        ("tcp://login:8786", "tls://login:8786"),
        ("ws://10.0.0.1:1", "wss://10.0.0.1:1"),
        ("ucx://10.0.0.1:1", "tls://10.0.0.1:1"),
        ("tls://10.0.0.1:1", None),
        ("wss://10.0.0.1:1", None),
        ("tcp://127.0.0.1:1", None),
        ("tcp://127.1.2.3:1", None),
        ("tcp://localhost:1", None),
        ("ws://localhost:1", None),
        ("tcp://[::1]:1", None),
        (None, None),
    ],
)
def test_a_scheduler_that_anybody_may_use_is_warned_of(address: str | None, better: str | None) -> None:
    warned = cluster.warning(Where(scheduler=address))
    if better is None:
        assert warned is None
    else:
        assert warned is not None
        assert f"{address} is not encrypted" in warned
        assert f"use --scheduler {better} with --tls-ca" in warned


def test_no_scheduler_there_is_one_line(
    tmp_path: Path, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "SCHEDULER_PATIENCE", 1)
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(Fault, match=f"--scheduler {address}: no scheduler answers there") as caught:
        run(study, tmp_path, Settings(where=Where(scheduler=address)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["localhost:8786", "http://x:1", "tcp//x"])
def test_a_wrong_address_is_one_line(tmp_path: Path, study: Study, address: str) -> None:
    with pytest.raises(UserError, match="expected an address such as tcp://host:8786"):
        run(study, tmp_path, Settings(where=Where(scheduler=address)))


@pytest.mark.slow
def test_a_scheduler_without_workers_is_one_line(
    tmp_path: Path, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scheduler(workers=0) as (address, _):
        time.sleep(3)
        monkeypatch.setattr(crew, "PATIENCE", 10)
        with pytest.raises(Fault, match="in 10 s there is no worker that can compute"):
            run(study, tmp_path, Settings(where=Where(scheduler=address)))


class Another:
    """Finds another version of mattis here than a worker does."""

    def __reduce__(self) -> tuple[object, ...]:
        return getattr, (importlib.metadata, "version")

    def __call__(self, _package: str) -> str:
        return "9.9.9"


STRANGE = """
import importlib.metadata, sys
class Nothing:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "mattis":
            raise ModuleNotFoundError(f"No module named {name!r}")
sys.meta_path.insert(0, Nothing())
plain = importlib.metadata.Distribution.from_name.__func__
def from_name(cls, name):
    if name == "mattis":
        raise importlib.metadata.PackageNotFoundError(name)
    return plain(cls, name)
importlib.metadata.Distribution.from_name = classmethod(from_name)
"""
"""What makes a Python one without mattis."""


def test_a_worker_without_mattis_beside_a_good_one(
    tmp_path: Path, study: Study, plain: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sitecustomize.py").write_text(STRANGE)
    words = ["worker", plain, "--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard"]
    bad = subprocess.Popen(
        [sys.executable, "-m", "dask", *words], env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with Client(plain, set_as_default=False) as client:
            client.wait_for_workers(3, timeout=SECONDS)
        outcome = run(study, tmp_path, Settings(where=Where(scheduler=plain)))
    finally:
        bad.terminate()
        bad.wait(timeout=SECONDS)
    assert outcome.failures == {}
    assert outcome.digest == undisturbed(study, tmp_path)
    said = capfd.readouterr().err
    assert said.count("has no mattis") == 1
    assert "Warning" not in said


def test_workers_with_another_version_are_refused(
    tmp_path: Path, study: Study, monkeypatch: pytest.MonkeyPatch, plain: str
) -> None:
    monkeypatch.setattr(crew, "version", Another())
    with pytest.raises(UserError, match=r"has mattis .*; expected mattis 9\.9\.9, as here"):
        run(study, tmp_path, Settings(where=Where(scheduler=plain)))


@pytest.mark.slow
def test_a_scheduler_that_dies_in_the_middle_costs_nothing(tmp_path: Path) -> None:
    with scheduler(workers=2) as (address, first):
        running, study = started(tmp_path, "--scheduler", address, seed=6)
        first.send_signal(signal.SIGKILL)
        _, said = running.communicate(timeout=SECONDS)
    text = said.decode()
    assert running.returncode == 1, text
    assert "Traceback" not in text
    assert f"{address}: lost; start it again" in text.strip().splitlines()[-1]
    found = status(study, tmp_path)["cells"]["done"]
    assert found > 0
    outcome = run(study, tmp_path, Settings(2))
    assert outcome.found == found
    assert outcome.digest == undisturbed(study, tmp_path)


def test_one_process_per_gpu_each_sees_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With pretended GPUs: what is tested is the pinning, which does not ask whether they are real."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7,9")
    study, seen = make_study(tmp_path, seed=8), set[str]()
    client_of = cluster.client_of

    @contextmanager
    def looked_at(where: Where, most: int) -> Iterator[Client]:
        with client_of(where, most) as client:
            workers = client.scheduler_info(n_workers=-1)["workers"].values()
            assert [worker["nthreads"] for worker in workers] == [1, 1]
            assert [worker["resources"] for worker in workers] == [{"GPU": 1}, {"GPU": 1}]
            seen.update(client.run(lambda: os.environ["CUDA_VISIBLE_DEVICES"]).values())
            yield client

    monkeypatch.setattr(cluster, "client_of", looked_at)
    outcome = run(study, tmp_path, Settings(where=Where(gpus=2)))
    assert seen == {"4", "7"}
    assert outcome.digest == undisturbed(study, tmp_path)
    with pytest.raises(UserError, match="--gpus: got 4, but CUDA_VISIBLE_DEVICES names 3"):
        run(make_study(tmp_path, name="other"), tmp_path, Settings(where=Where(gpus=4)))


@pytest.mark.slow
def test_on_a_scheduler_only_workers_with_the_resource_get_tasks(tmp_path: Path) -> None:
    study = make_study(tmp_path, seed=2)
    blocks = plan.blocks(study)
    with scheduler(workers=1) as (address, _):  # it has no GPU, so it must not be asked
        where = Where(scheduler=address, gpus=1)
        found = dispatch.computed(study, blocks, where, lambda _: None)
        assert [next(found) for _ in range(4)] == [None] * 4
        found.close()
    with scheduler(workers=1, worker_options=("--resources", "GPU=1")) as (address, _):
        where = Where(scheduler=address, gpus=1)
        done = [one for one in dispatch.computed(study, blocks, where, lambda _: None) if one]
    assert {one.block.id for one in done} == {block.id for block in blocks}


def listening(pid: int) -> list[tuple[str, int]]:
    """Return the addresses that a process and its children listen on."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return [
        (connection.laddr.ip, connection.laddr.port)
        for process in family
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]


def speaks(address: tuple[str, int]) -> str | None:
    """Return the version of TLS that something speaks; raises OSError if it speaks anything else."""
    any_certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    any_certificate.check_hostname, any_certificate.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(address, timeout=SECONDS) as plain,
        any_certificate.wrap_socket(plain) as encrypted,
    ):
        return encrypted.version()


@pytest.mark.parametrize("words", [(), pytest.param(("--gpus", "2"), marks=pytest.mark.slow)])
def test_everything_listens_on_loopback_by_tls(tmp_path: Path, words: tuple[str, ...]) -> None:
    running, _ = started(tmp_path, *words, seed=400)  # long: it listens until it is killed
    try:
        addresses = listening(running.pid)
        versions = {speaks(address) for address in addresses}
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
    assert len(addresses) == 5  # a scheduler, workers, their nannies
    assert {ip for ip, _ in addresses} == {"127.0.0.1"}
    assert versions <= {"TLSv1.3", "TLSv1.2"}


def test_threads_listen_to_nobody(study: Study) -> None:
    before, blocks = listening(os.getpid()), plan.blocks(study)
    running = dispatch.computed(study, blocks, Where(workers=2, pool="threads"), lambda _: None)
    found = [next(running)]
    assert listening(os.getpid()) == before
    assert len([one for one in [*found, *running] if one]) == len(blocks)


@pytest.mark.parametrize("pool", [pytest.param("processes", marks=pytest.mark.slow), "threads"])
def test_the_dashboard_is_made_when_it_is_asked_for(study: Study, pool: str) -> None:
    said: list[str] = []
    blocks = plan.blocks(study)
    running = dispatch.computed(study, blocks, Where(workers=1, pool=pool, dashboard=True), said.append)
    found = [next(running)]  # or None, where a second passes without a block
    page = said[0].partition("dashboard at ")[2]
    for address in (page, page.replace("status", "workers")):
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:
            assert b"bokeh" in answer.read()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(page.replace("status", "nothing"), timeout=SECONDS)
    door, _, secret = page.removesuffix("/status").rpartition("/")
    others = ("", "status", "json/identity.json", "sitemap.json", "info/main/workers.html")
    proxies = ("proxy/1/127.0.0.1/status", f"{secret}/proxy/1/127.0.0.1/status")
    for name in (*others, *proxies, f"{secret}x/status"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{door}/{name}", timeout=SECONDS)
    assert len([one for one in [*found, *running] if one]) == len(blocks)


@pytest.mark.parametrize("pool", [pytest.param("processes", marks=pytest.mark.slow), "threads"])
def test_a_run_imports_nothing_that_it_does_not_use(tmp_path: Path, pool: str) -> None:
    path = write_study(tmp_path)
    code = (
        "import sys\nfrom mattis.cli import command as cli\n"
        "cli.guarded(lambda: cli.verbs.main(sys.argv[1:], 'mattis', standalone_mode=False))\n"
        "print({'bokeh', 'matplotlib'} & {*sys.modules})\n"
    )
    words = ["run", str(path), "--results", str(tmp_path), "--workers", "1", "--pool", pool]
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert done.stdout == "set()\n", done.stderr
    assert "72 of 72 cells" in done.stderr


def test_memory_of_the_workers_is_respected(tmp_path: Path, study: Study) -> None:
    with cluster.client_of(Where(workers=2, memory=2 * 2**30), 9) as client:
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        assert [worker["memory_limit"] for worker in workers] == [2**30, 2**30]
    with pytest.raises(UserError, match=r"needs .* MiB .* --memory is 1 MiB; give it more"):
        run(make_study(tmp_path, size=[3000]), tmp_path, Settings(2, where=Where(memory=2**20)))
    assert not results_of(study, tmp_path).folder.exists()
    assert cluster.parsed_memory("8GiB") == 8 * 2**30
    for text in ("", "lots", "-1", "0"):
        with pytest.raises(UserError, match=r"--memory: got .*such as 8GiB"):
            cluster.parsed_memory(text)


def test_fewer_workers_where_only_these_fit(
    tmp_path: Path, study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = run(study, tmp_path, Settings(4, where=Where(memory=650 * 2**20)))
    assert outcome.digest == undisturbed(study, tmp_path)
    said = capsys.readouterr().err
    assert "2 of 4 workers start: --memory is 650 MiB, and each needs 280 MiB" in said
    assert "2 processes" in said


UNGUARDED = "import mattis\nprint('begun')\nmattis.run({path!r}, {root!r}, mattis.Settings(workers=2))\n"


@pytest.mark.parametrize("words", [("script.py",), pytest.param(("-m", "script"), marks=pytest.mark.slow)])
def test_a_script_without_a_guard_runs(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Workers are forked from a process that imports no script: it begins once."""
    root, path = tmp_path / "results", write_study(tmp_path, seed=2)
    (tmp_path / "script.py").write_text(UNGUARDED.format(path=str(path), root=str(root)))
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False, timeout=SECONDS, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "begun\n"
    assert digest(load_study(path), root) == undisturbed(load_study(path), tmp_path)


OWN_WAY = {"DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "forkserver"}


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("", "would begin it anew; write what it does below a line if __name__"),
        pytest.param(
            "NAME = __name__\n", 'below a line if __name__ == "__main__": only', marks=pytest.mark.slow
        ),
    ],
)
def test_where_workers_import_the_script_one_without_a_guard_is_told(
    tmp_path: Path, head: str, words: str
) -> None:
    """As on other systems: settings of Dask that say how processes start are kept."""
    script, path = tmp_path / "script.py", write_study(tmp_path)
    script.write_text(head + UNGUARDED.format(path=str(path), root=str(tmp_path / "results")))
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=SECONDS,
        env={**os.environ, **OWN_WAY},
    )  # fmt: skip
    assert done.returncode == 1
    assert words in done.stderr.splitlines()[-1]
    assert done.stderr.count("Traceback") == 1
    assert "Nanny" not in done.stderr.replace(done.stderr.splitlines()[-1], "")


def test_inside_a_running_loop(tmp_path: Path, study: Study) -> None:
    """As in a notebook, whose cells run inside the loop of its kernel: nothing is awaited."""

    async def cell(settings: Settings, root: Path) -> str | None:
        asyncio.get_running_loop()
        return run(study, root, settings).digest

    for place in (Where(workers=2), Where(pool="threads", workers=1)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = asyncio.run(cell(Settings(where=place), tmp_path / place.pool))
        assert found == undisturbed(study, tmp_path)


def test_a_daemonic_process_is_told_of_threads(
    tmp_path: Path, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # type: ignore[attr-defined]
    with pytest.raises(UserError, match=r"a daemonic process may start no workers; .*threads"):
        run(study, tmp_path)
    assert run(study, tmp_path, Settings(1, where=Where(pool="threads"))).computed == 72


@pytest.mark.parametrize("folder", ["file/below", "file"])
def test_a_folder_for_temporary_files_that_cannot_be(tmp_path: Path, study: Study, folder: str) -> None:
    (tmp_path / "file").write_text("")
    with (
        dask.config.set({"temporary-directory": str(tmp_path / folder)}),
        pytest.raises(UserError, match=r"no temporary files there: .*; give temporary-directory"),
    ):
        run(study, tmp_path)
    assert not results_of(study, tmp_path).folder.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cluster", "slrum"), "--cluster: got slrum; expected one of slurm, pbs, sge, lsf"),
        (("--cluster", "slurm", "--scheduler", "tcp://x:1"), "got --scheduler and --cluster"),
        (("--cluster", "slurm", "--gpus", "2"), "got --gpus and --cluster; expected one of them"),
        (("--cluster", "slurm"), "got no cores for a job; configure jobqueue.slurm"),
        (("--tls-key", "no-such-file"), "no-such-file"),
    ],
)
def test_wrong_places_are_one_line(
    tmp_path: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["run", str(write_study(tmp_path)), "--results", str(tmp_path), *words]
    assert guarded(lambda: verbs.main(given, "mattis", standalone_mode=False)) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not (tmp_path / "small").exists()
