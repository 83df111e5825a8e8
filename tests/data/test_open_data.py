"""Open data files, against servers on this machine only."""

import hashlib
import re
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from allrelapse.data import open_data
from allrelapse.data.open_data import OpenFile, fetch, fetch_all, registry
from allrelapse.errors import DataNotAtHandError, InputError

NAME = "set/table.csv"
TEXT = b"a,b\n1,2\n"


def entry(url, content=TEXT):
    sha256 = hashlib.sha256(content).hexdigest()
    return OpenFile(
        url=url, sha256=sha256, bytes=len(content), licence="CC0", citation="x", holds="x"
    )


def files_under(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """An empty cache, no mirror, no memory of hosts, and short patience."""
    monkeypatch.setenv("ALLRELAPSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ALLRELAPSE_MIRROR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(open_data, "_answered", {})
    monkeypatch.setattr(open_data, "TIMEOUT", 2.0)
    return tmp_path / "cache" / "open_data"


@pytest.fixture
def use(monkeypatch):
    """Put other files in the place of the study's own."""
    return lambda files: monkeypatch.setattr(open_data, "registry", lambda: files)


@pytest.fixture
def serve():
    """Start a web server that answers every request in the same way; gives its address."""
    servers = []

    def start(content=TEXT, status=200, claimed=None, wait=0.0):
        class Answer(BaseHTTPRequestHandler):
            def do_HEAD(self):
                self.server.asked += 1
                time.sleep(wait)
                self.send_response(status)
                self.send_header("Content-Length", str(claimed or len(content)))
                self.end_headers()

            def do_GET(self):
                self.do_HEAD()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        server.asked = 0
        server.url = f"http://127.0.0.1:{server.server_port}/table.csv"
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """A mirror folder with the one file in it."""
    path = tmp_path / "mirror" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(TEXT)
    monkeypatch.setenv("ALLRELAPSE_MIRROR", str(tmp_path / "mirror"))
    return tmp_path / "mirror"


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/table.csv"


def test_every_open_file_is_pinned_to_a_commit_of_its_origin():
    for name, file in registry().items():
        assert re.fullmatch(r"https://raw\.githubusercontent\.com/.+/[0-9a-f]{40}/.+", file.url)
        assert file.url.rsplit("/", 1)[1] == name.rsplit("/", 1)[1]


def test_target_data_are_cited_with_their_accession():
    of_target = [name for name in registry() if name.startswith(("target", "pcawg7/WES"))]
    assert len(of_target) == 3
    assert all("phs000218" in registry()[name].citation for name in of_target)


def test_the_mirror_holds_every_registered_file(mirror, monkeypatch):
    monkeypatch.setenv("ALLRELAPSE_MIRROR", str(mirror))
    status = fetch_all()
    assert set(status["status"]) == {"mirror"}
    assert len(status) == 15


@pytest.mark.parametrize(
    "change",
    [
        {"bytes": None},
        {"bytes": "8"},
        {"bytes": 0},
        {"sha256": "abc"},
        {"url": "table.csv"},
        {"citation": ""},
        {"license": "CC0"},
    ],
    ids=str,
)
def test_a_faulty_entry_in_the_list_of_files_is_refused_by_name(change, tmp_path, monkeypatch):
    fields = entry("https://x.org/table.csv").model_dump() | change
    (tmp_path / "list.yaml").write_text(yaml.safe_dump({NAME: fields}))
    monkeypatch.setattr(open_data, "REGISTRY", tmp_path / "list.yaml")
    with pytest.raises(InputError, match=rf"(?s)list\.yaml.*{NAME}`\.{next(iter(change))}"):
        registry()


@pytest.mark.parametrize("text", ["- a", "a: [", "", "\0"])
def test_a_malformed_list_of_files_is_refused_by_name(text, tmp_path, monkeypatch):
    (tmp_path / "list.yaml").write_text(text)
    monkeypatch.setattr(open_data, "REGISTRY", tmp_path / "list.yaml")
    with pytest.raises(InputError, match=r"list\.yaml"):
        registry()


def test_a_file_of_the_mirror_is_returned_where_it_lies(folder, cache, use):
    use({NAME: entry(closed_port())})
    assert fetch(NAME) == folder / NAME
    assert not cache.exists()


@pytest.mark.parametrize(
    "content", [TEXT[:-1], b"", b"a,b\n1,3\n"], ids=["cut", "empty", "swapped"]
)
def test_another_file_in_the_mirror_is_refused_with_both_fingerprints(content, folder, use):
    use({NAME: entry(closed_port())})
    (folder / NAME).write_bytes(content)
    with pytest.raises(InputError) as caught:
        fetch(NAME)
    assert not isinstance(caught.value, DataNotAtHandError)
    for part in (str(folder / NAME), "8 bytes", f"{len(content)} bytes", "Copy it again"):
        assert part in str(caught.value)
    for known in (TEXT, content):
        assert hashlib.sha256(known).hexdigest() in str(caught.value)


def test_a_folder_in_the_place_of_a_mirror_file_is_refused(folder, use):
    use({NAME: entry(closed_port())})
    (folder / NAME).unlink()
    (folder / NAME).mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        fetch(NAME)


def test_a_mirror_folder_that_is_not_there_is_refused(monkeypatch, tmp_path, use):
    use({NAME: entry(closed_port())})
    monkeypatch.setenv("ALLRELAPSE_MIRROR", str(tmp_path / "nowhere"))
    for ask in (lambda: fetch(NAME), fetch_all):
        with pytest.raises(InputError, match=r"there is no folder .*nowhere"):
            ask()


def test_an_empty_setting_means_no_mirror(monkeypatch, tmp_path, cache, serve, use):
    use({"table.csv": entry(serve().url)})
    (tmp_path / "table.csv").write_bytes(b"the working folder is no mirror")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALLRELAPSE_MIRROR", "")
    assert fetch("table.csv") == cache / "table.csv"


def test_an_unknown_name_is_refused_with_names_that_are_near():
    with pytest.raises(InputError, match=r"pcawg7/WES_Other\.96\.csv") as caught:
        fetch("pcawg7/WES_other.csv")
    assert "civic" not in str(caught.value)


def test_a_file_that_the_mirror_lacks_is_downloaded_once(folder, cache, serve, use):
    server = serve()
    use({NAME: entry(server.url)})
    (folder / NAME).unlink()
    assert fetch(NAME) == cache / NAME
    asked = server.asked
    assert fetch(NAME).read_bytes() == TEXT
    assert server.asked == asked


def test_a_corrupt_file_in_the_cache_is_downloaded_anew(cache, serve, use):
    use({NAME: entry(serve().url)})
    fetch(NAME).write_bytes(b"rotten")
    assert fetch(NAME).read_bytes() == TEXT


def test_a_corrupt_file_in_the_cache_goes_where_it_cannot_be_replaced(cache, use):
    use({NAME: entry(closed_port())})
    (cache / NAME).parent.mkdir(parents=True)
    (cache / NAME).write_bytes(b"rotten")
    with pytest.raises(DataNotAtHandError):
        fetch(NAME)
    assert files_under(cache) == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"content": b"<html>Log in to this network</html>"}, "gives another file"),
        ({"claimed": 100}, "could not be downloaded"),
        ({"status": 404}, "404"),
    ],
    ids=["another file", "cut off", "not found"],
)
def test_a_download_of_anything_else_leaves_the_cache_clean(answer, reason, cache, serve, use):
    use({NAME: entry(serve(**answer).url)})
    with pytest.raises(DataNotAtHandError, match=reason) as caught:
        fetch(NAME)
    assert NAME in str(caught.value)
    assert files_under(cache) == []


def test_without_internet_the_error_comes_at_once_and_tells_the_mend(use):
    use({NAME: entry(closed_port())})
    start = time.monotonic()
    with pytest.raises(DataNotAtHandError, match=r"internet.*ALLRELAPSE_MIRROR.*make MIRROR="):
        fetch(NAME)
    assert time.monotonic() - start < 2


def test_a_host_that_accepts_and_never_answers_is_left_within_its_time(monkeypatch, use):
    monkeypatch.setattr(open_data, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        use({NAME: entry(f"http://127.0.0.1:{silent.getsockname()[1]}/a")})
        start = time.monotonic()
        with pytest.raises(DataNotAtHandError, match="does not answer"):
            fetch(NAME)
        assert time.monotonic() - start < 2


def test_a_host_that_stalls_within_a_look_up_is_left_within_its_time(monkeypatch, use):
    # a name server that is silent holds getaddrinfo for longer than any timeout of ours
    monkeypatch.setattr(open_data, "TIMEOUT", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(3) or [])
    use({NAME: entry("http://open-data.invalid/a")})
    start = time.monotonic()
    with pytest.raises(DataNotAtHandError):
        fetch(NAME)
    assert time.monotonic() - start < 2


def test_a_silent_host_is_asked_once_for_all_its_files(monkeypatch, serve, use):
    server = serve(wait=1.0)
    monkeypatch.setattr(open_data, "TIMEOUT", 0.2)
    use({name: entry(server.url) for name in ("a", "b", "c")})
    assert set(fetch_all()["status"]) == {"not at hand"}
    assert server.asked == 1


def test_two_processes_may_fetch_the_same_file_at_once(cache, serve):
    file = entry(serve(wait=0.3).url)
    script = (
        "from allrelapse.data import open_data as o;"
        f"o.registry = lambda: {{'{NAME}': o.OpenFile(**{file.model_dump()!r})}};"
        f"print(o.fetch('{NAME}').read_bytes())"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [run.communicate(timeout=60)[0].strip() for run in runs] == [repr(TEXT)] * 2
    assert files_under(cache) == [cache / NAME]


def test_fetch_all_tells_where_each_file_is(folder, cache, serve, use):
    good, bad = serve().url, closed_port()
    names = {"set/table.csv": good, "rotten": good, "cached": good, "new": good, "absent": bad}
    use({name: entry(url) for name, url in names.items()})
    (folder / "rotten").write_bytes(b"?")
    fetch("cached")
    status = fetch_all()
    expected = ["mirror", "corrupt", "cache", "download", "not at hand"]
    assert status["status"].tolist() == expected
    assert status.loc["new", "path"] == str(cache / "new")
    assert "sha256" in status.loc["rotten", "note"]


def test_fetch_all_refuses_a_name_that_it_does_not_know():
    with pytest.raises(InputError, match="no open data file 'nonsense'"):
        fetch_all(["pcawg7/WES_Other.96.csv", "nonsense"])


def test_fetch_all_tells_of_its_progress_when_it_takes_long(serve, use, capsys):
    use({name: entry(serve(wait=0.6).url) for name in ("first", "second")})
    fetch_all()
    assert capsys.readouterr().err == "open data file 2 of 2: second\n"
    fetch_all()
    assert capsys.readouterr().err == ""
