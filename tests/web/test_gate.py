"""Who is let in: real requests to a studio on the loopback address."""

import http.client
import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def clip(make_clip):
    return make_clip("clip.mp4", frames=12)


@pytest.fixture
def served(clip, serve):
    return serve(clip)


def asked(served, method, path, body=None, **headers):
    """The status, headers and body of an answer."""
    line = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    own = {"host": f"127.0.0.1:{served.port}"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    line.putrequest(method, path, skip_host=True)
    data = b"" if body is None else (body if isinstance(body, bytes) else json.dumps(body).encode())
    for name, value in {**own, "content-length": str(len(data))}.items():
        line.putheader(name, value)
    line.endheaders(data)
    answer = line.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    line.close()
    return found


def insider(served):
    """The headers of a page that was opened with the address that was printed."""
    return {
        "cookie": f"mnst_studio_{served.port}={served.token}",
        "origin": f"http://127.0.0.1:{served.port}",
    }


def test_it_listens_to_this_machine_alone(served):
    assert served.address.startswith("http://127.0.0.1:")
    assert len(served.token) >= 32


def test_the_address_with_the_token_gives_a_cookie_and_hides_the_token(served):
    status, headers, _ = asked(served, "GET", f"/?token={served.token}")
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@pytest.mark.parametrize("path", ["/", "/api/state", "/api/clip", "/page/main.js", "/api/events"])
def test_without_the_token_there_is_nothing(served, path):
    for cookie in (None, f"mnst_studio_{served.port}=", f"mnst_studio_{served.port}=wrong"):
        headers = {} if cookie is None else {"cookie": cookie}
        assert asked(served, "GET", path, **headers)[0] == 401
    assert asked(served, "GET", "/?token=wrong")[0] == 401


def test_a_page_left_open_cannot_start_a_render(clip, served, serve):
    before = insider(served)
    served.stop()
    again = serve(clip)
    stale = before | {
        "cookie": f"mnst_studio_{again.port}={served.token}",
        "origin": f"http://127.0.0.1:{again.port}",
    }
    body = {"kind": "render", "name": None}
    assert asked(again, "POST", "/api/render", body, **stale)[0] == 401
    assert not list(clip.parent.glob("*_mnst*"))


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "0.0.0.0:{port}"]
)
def test_another_name_for_this_machine_is_not_served(served, host):
    """DNS rebinding: a page of another site whose name points here."""
    own = insider(served) | {"host": host.format(port=served.port)}
    assert asked(served, "GET", "/api/state", **own)[0] == 421


@pytest.mark.parametrize(
    "more",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_page_changes_nothing(served, more):
    """Cross-site request forgery, even with the cookie."""
    own = insider(served) | more
    assert (
        asked(served, "POST", "/api/change", {"given": {"steps": 3}, "done": ""}, **own)[0] == 403
    )
    state = json.loads(asked(served, "GET", "/api/state", **insider(served))[2])
    assert state["settings"] == {}


def test_a_change_without_an_origin_is_refused(served):
    own = {"cookie": insider(served)["cookie"]}
    assert asked(served, "POST", "/api/undo", **own)[0] == 403
    assert asked(served, "GET", "/api/state", **own)[0] == 200


def test_nothing_is_loaded_from_elsewhere(served):
    for path in ("/", "/page/main.js", "/api/state"):
        headers = asked(served, "GET", path, **insider(served))[1]
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
    page = Path(__file__).parents[2] / "mnst_video" / "web" / "page"
    for file in page.rglob("*.*s*"):
        if file.is_file() and "uplot" not in file.parts and file.suffix != ".svg":
            assert "http" not in file.read_text().replace("http://www.w3.org/2000/svg", ""), file


@pytest.mark.parametrize(
    "path",
    ["/page/../server.py", "/page/%2e%2e/server.py", "/page/..%2fserver.py", "/page//etc/passwd"],
)
def test_only_the_page_is_served(served, path):
    status, _, body = asked(served, "GET", path, **insider(served))
    assert status == 404
    assert b"import" not in body


def test_files_outside_of_open_folders_are_refused(served, tmp_path_factory, clip):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "secret.toml").write_text("steps = 3\n")
    (elsewhere / "secret.png").write_bytes(b"nothing")
    (elsewhere / "other.mp4").write_bytes(clip.read_bytes())
    link = clip.with_name("link.png")
    link.symlink_to(elsewhere / "secret.png")
    own = insider(served)
    for path, body in [
        ("/api/open", {"path": str(elsewhere / "other.mp4")}),
        ("/api/open", {"path": "../../../../etc/passwd"}),
        ("/api/preset/open", {"preset": str(elsewhere / "secret.toml"), "keep": True}),
        ("/api/import", {"path": str(elsewhere / "secret.csv"), "lane": "gamma"}),
        ("/api/change", {"given": {"style1": str(elsewhere / "secret.png")}, "done": ""}),
        ("/api/change", {"given": {"style1": str(link)}, "done": ""}),
        ("/api/change", {"given": {"gamma_mask": str(elsewhere / "secret.png")}, "done": ""}),
        ("/api/change", {"given": {"model": "/etc/passwd"}, "done": ""}),
        ("/api/change", {"given": {"weights": "/etc/passwd"}, "done": ""}),
        ("/api/change", {"given": {"audio": "/etc/passwd"}, "done": ""}),
    ]:
        status, _, said = asked(served, "POST", path, body, **own)
        assert status == 422, path
        assert "outside of the folders" in json.loads(said)["error"], body


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../evil.mp4", "evil.mp4"),
        ("..\\evil.mp4", "evil.mp4"),
        ("-rf.mp4", "rf.mp4"),
        ("$(touch x);.mp4", "__touch x__.mp4"),
        ("a%04d.mp4", "a_04d.mp4"),
    ],
)
def test_a_name_is_only_a_name(served, clip, name, kept):
    own = insider(served)
    status, _, said = asked(served, "POST", "/api/render", {"kind": "preview", "name": name}, **own)
    assert status == 200, said
    runs = json.loads(asked(served, "GET", "/api/renders", **own)[2])
    assert Path(runs[0]["output"]).parent == clip.parent
    shown = runs[0]["name"].replace("_", "").replace(" ", "").replace("(", "").replace(")", "")
    wanted = kept.replace("_", "").replace(" ", "")
    assert shown == wanted


@pytest.mark.parametrize("name", ["", "..", "/", "...", "clip.exe", "no-ending"])
def test_no_name_is_refused(served, name):
    own = insider(served)
    answer = asked(served, "POST", "/api/render", {"kind": "render", "name": name or "."}, **own)
    assert answer[0] == 422


def test_what_is_too_much_is_refused(served):
    own = insider(served)
    body = b'{"given": {"gamma": "' + b"0" * (5 * 2**20) + b'"}}'
    assert asked(served, "POST", "/api/change", body, **own)[0] == 413


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/change", b"{"),
        ("/api/change", b"[1]"),
        ("/api/change", b'{"unknown": 1}'),
        ("/api/change", b'{"given": {"steps": "x"}, "done": ""}'),
        ("/api/change", b'{"given": {"nothing": 1}, "done": ""}'),
        ("/api/keys", b'{"lane": "gamma", "keys": [], "repeat": null, "done": ""}'),
        (
            "/api/keys",
            b'{"lane": "gamma", "keys": [{"value": 2, "seconds": 0}], "repeat": null, "done": ""}',
        ),
        ("/api/keys", b'{"lane": "gamma", "keys": [{"value": 1}], "repeat": null, "done": ""}'),
        ("/api/keys", b'{"lane": "red", "keys": [], "repeat": null, "done": ""}'),
        ("/api/look", b'{"seconds": "NaN"}'),
        ("/api/look", b'{"seconds": "soon"}'),
        ("/api/look", b'{"seconds": null}'),
        ("/api/render", b'{"kind": "everything", "name": null}'),
        ("/api/renders/7/pause", b"{}"),
        ("/api/preset/open", b'{"preset": "nothing", "keep": true}'),
        ("/api/preset/save", b'{"name": "", "overwrite": false}'),
    ],
)
def test_nonsense_is_told_in_a_line(served, path, body):
    status, _, said = asked(served, "POST", path, body, **insider(served))
    assert status == 422, said
    error = json.loads(said)["error"]
    assert error
    assert "\n" not in error
    assert "Traceback" not in error


def test_an_upload_is_checked_and_nothing_half_is_left(served, clip):
    own = insider(served)
    home = clip.with_name("clip.studio")
    for name, kind, data in [
        ("x.png", "picture", b"no picture"),
        ("x.exe", "picture", b"MZ"),
        ("x.png", "anything", b""),
        ("../x.svg", "picture", b"<svg/>"),
    ]:
        path = f"/api/upload?name={name}&kind={kind}"
        assert asked(served, "POST", path, data, **own)[0] == 422, name
    assert not home.exists() or not [p for p in home.iterdir() if p.name != "draft.toml"]


def test_a_clip_is_sent_in_parts(served, clip):
    own = insider(served)
    whole = clip.read_bytes()
    status, headers, body = asked(served, "GET", "/api/clip", range="bytes=10-19", **own)
    assert (status, body) == (206, whole[10:20])
    assert headers["content-range"] == f"bytes 10-19/{len(whole)}"


def test_a_port_that_is_taken_is_told(served, run_studio):
    code, said = run_studio("--port", str(served.port), "--no-browser")
    assert code == 4
    assert f"--port {served.port}" in said


@pytest.fixture
def run_studio(tmp_path):
    """Runs `studio` to its end: its exit code and what it says."""

    def call(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "mnst_video", "studio", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stderr

    return call


@pytest.mark.parametrize("arguments", [("nothing.mp4",), ("--folder", "nowhere"), ("broken.mp4",)])
def test_what_cannot_be_opened_is_told(run_studio, tmp_path, arguments):
    (tmp_path / "broken.mp4").write_bytes(b"nothing")
    code, said = run_studio(*arguments, "--no-browser")
    assert code == 3
    assert said.startswith("mnst-video: ")
    assert said.count("\n") == 1


def test_all_addresses_are_named_where_all_are_listened_to(clip, serve):
    from mnst_video.web.serve import names_of

    assert names_of("127.0.0.1") == ["127.0.0.1", "localhost"]
    assert names_of("::1") == ["[::1]"]
    assert "127.0.0.1" in names_of("0.0.0.0")
    served = serve(clip, "--host", "0.0.0.0")
    assert not served.address.startswith("http://0.0.0.0")
    assert asked(served, "GET", "/api/state", **insider(served))[0] == 200
    evil = insider(served) | {"host": f"evil.example:{served.port}"}
    assert asked(served, "GET", "/api/state", **evil)[0] == 421


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_the_extra_it_is_named(missing, tmp_path):
    code = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['mnst-video', 'studio'];"
        "from mnst_video.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 4
    assert "mnst-video[studio]" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_clip_is_open_in_one_studio(clip, served, run_studio):
    code, said = run_studio(str(clip), "--no-browser")
    assert code == 2
    assert "another mnst-video is at work on it" in said
    served.stop()
    assert not list(clip.parent.glob(".*.lock"))


def test_the_server_does_without_torch():
    code = "import sys, mnst_video.web.serve; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
