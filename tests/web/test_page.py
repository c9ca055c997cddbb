"""The studio as a person uses it, in a real browser, with real renders of a tiny clip."""

import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import mido
import pytest

AXE = Path(__file__).parent / "axe" / "axe.min.js"

# Options of a render that takes seconds.
QUICK = {"first_steps": 2, "steps": 1, "max_side": 64}


@pytest.fixture
def clip(make_clip):
    return make_clip("clip.mp4", frames=48, fps="24")


def until(page, expression, seconds=20):
    """Wait for something to be true in the page, without the page's leave to evaluate texts."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)


def painted(page, frames):
    """Wait until the first render has painted more frames than these."""
    run = "studio.store.renders[0]"
    until(page, f"{run}?.phase === 'painting' && {run}.done > {frames}", seconds=90)


def planned(clip, preset):
    """γ of each frame, as the command line has it."""
    command = [sys.executable, "-m", "mnst_video", "plan", str(clip), "--preset", str(preset)]
    done = subprocess.run([*command, "--json"], capture_output=True, check=True, text=True)
    return json.loads(done.stdout)["gamma"]


def draft_of(clip):
    return clip.with_name(f"{clip.stem}.studio") / "draft.toml"


def point(page, seconds, value, lane="main"):
    """Where a moment and a value are on the page."""
    return page.evaluate(
        """([seconds, value, index]) => {
          const { plot } = studio.timeline.curves[index];
          const box = plot.plot.over.getBoundingClientRect();
          const y = plot.y(value) / plot.ratio - plot.box.top / plot.ratio;
          return [box.left + plot.left(seconds), box.top + y];
        }""",
        [seconds, value, 0 if lane == "main" else 1],
    )


def settled(page, revision):
    """Wait until a change has come back."""
    until(page, f"studio.store.state.revision >= {revision}")


def drag(page, start, end, steps=8):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=steps)
    page.mouse.up()


def change(page, **given):
    page.evaluate("given => studio.store.change(given, 'a test')", given)
    page.wait_for_timeout(200)


def dropped(page, selector, name, data):
    """Drop a file onto an element."""
    page.evaluate(
        """([selector, name, data]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(data)], name));
          const about = { dataTransfer: transfer, bubbles: true, cancelable: true };
          const event = new DragEvent("drop", about);
          document.querySelector(selector).dispatchEvent(event);
        }""",
        [selector, name, list(data)],
    )


def test_a_key_is_dragged_and_the_plan_changes(clip, serve, open_page):
    page = open_page(serve(clip))
    before = page.evaluate("studio.store.lanes[0].text")
    x, y = point(page, 1.0, 0.9)
    page.mouse.dblclick(x, y)
    settled(page, 1)
    drag(
        page,
        point(page, 1.0, page.evaluate("studio.timeline.main.keys[1].value")),
        point(page, 0.5, 0.2),
    )
    settled(page, 2)
    gamma = planned(clip, draft_of(clip))
    keys = page.evaluate("studio.store.lanes[0].keys")
    assert [round(key["seconds"], 1) for key in keys] == [0.0, 0.5, 2.0]
    assert keys[1]["value"] == pytest.approx(0.2, abs=0.05)
    number = round(keys[1]["seconds"] * 24)
    assert gamma[number] == pytest.approx(keys[1]["value"], abs=0.05)
    assert gamma[0] == 0.0
    assert gamma[-1] == 1.0
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    settled(page, 4)
    assert page.evaluate("studio.store.lanes[0].text") == before
    page.click("#redo")
    settled(page, 5)
    assert len(page.evaluate("studio.store.lanes[0].keys")) == 3


def test_keys_snap_to_beats_and_are_written_in_beats(clip, serve, open_page):
    page = open_page(serve(clip))
    change(page, bpm=100)
    x, y = point(page, 1.21, 0.5)  # the second beat is at 1.2
    page.mouse.dblclick(x, y)
    settled(page, 2)
    assert "2b=0.5" in page.evaluate("studio.store.settings.gamma")
    page.fill("#key-time", "1.5b")
    page.keyboard.press("Enter")
    settled(page, 3)
    assert page.evaluate("studio.store.lanes[0].keys[1].seconds") == pytest.approx(0.9)
    page.keyboard.press("Escape")
    page.locator(".lane.main .u-over").focus()
    page.keyboard.press("]")
    page.keyboard.press("]")
    page.keyboard.press("ArrowUp")
    settled(page, 4)
    until(page, "studio.store.lanes[0].keys.some((key) => Math.abs(key.value - 0.51) < 1e-6)")


def test_keys_are_copied_pasted_and_deleted(clip, serve, open_page):
    page = open_page(serve(clip))
    page.select_option("#snap", "frame")
    change(page, gamma="0=0.2, 6f=0.8 hold, 12f=0.4")
    page.locator(".lane.main .u-over").focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+c")
    page.fill("#time", "1.0")
    page.keyboard.press("Enter")
    page.locator(".lane.main .u-over").focus()
    page.keyboard.press("Control+v")
    settled(page, 2)
    assert page.evaluate("studio.store.settings.gamma") == (
        "0=0.2, 6f=0.8 hold, 12f=0.4, 24f=0.2, 30f=0.8 hold, 36f=0.4"
    )
    page.keyboard.press("Delete")
    settled(page, 3)
    assert page.evaluate("studio.store.settings.gamma") == "0=0.2, 6f=0.8 hold, 12f=0.4"


def test_the_tempo_is_tapped(clip, serve, open_page):
    page = open_page(serve(clip))
    page.evaluate(
        """() => {
          let now = 0;
          performance.now = () => now;
          for (let tap = 0; tap < 8; tap++) {
            now = 1000 * (0.25 + 0.4 * tap + (tap % 2 ? 0.006 : -0.006));
            studio.timeline.tempo.tap();
          }
        }"""
    )
    settled(page, 1)
    assert page.evaluate("studio.store.settings.bpm") == pytest.approx(150, abs=1.5)


def test_keys_are_tapped_while_it_plays(clip, serve, open_page):
    page = open_page(serve(clip))
    change(page, gamma="0=0")
    page.keyboard.press("Space")
    until(page, "studio.player.playing && studio.player.time > 0.4")
    page.keyboard.press("1")
    until(page, "studio.store.lanes[0].keys.length === 2")
    key = page.evaluate("studio.store.lanes[0].keys[1]")
    assert key["value"] == 1.0
    assert key["seconds"] > 0.3
    until(page, "!studio.player.playing")


def test_the_look_comes_rough_and_then_finer(clip, serve, open_page):
    page = open_page(serve(clip), looks=True)
    image = page.locator(".slot-1 > img")
    until(page, "Number(document.querySelector('.slot-1 > img').dataset.steps) > 8", seconds=60)
    until(page, "document.querySelector('.slot-1 > img').naturalWidth === 64")
    until(page, "document.querySelectorAll('.strip img').length === 5", seconds=60)
    first = image.get_attribute("data-number")
    page.evaluate("studio.player.seek(1.0)")
    until(page, f"document.querySelector('.slot-1 > img').dataset.number > {first}", seconds=60)
    page.get_by_label("Set a key of 0.75 here").click()
    until(page, "studio.store.lanes[0].keys.some((key) => key.value === 0.75)")


def test_a_render_is_found_again_after_a_reload_and_plays(clip, serve, open_page):
    served = serve(clip)
    page = open_page(served)
    change(page, **QUICK)
    page.click("#tab-renders")
    page.click("#render")
    painted(page, 2)
    page.reload()
    until(page, "window.studio?.store.renders[0]?.number === 1")
    page.click("#tab-renders")
    page.locator(".run[data-state=done]").wait_for(timeout=90_000)
    made = clip.with_name("clip_mnst.mp4")
    assert made.is_file()
    page.get_by_text("Show right").click()
    # It is where the playhead is, also where that moved while it was loaded.
    page.evaluate("studio.player.seek(1.0)")
    until(page, "document.querySelector('.slot-1 video').readyState >= 2")
    until(page, "Math.abs(document.querySelector('.slot-1 video').currentTime - 1.0) < 0.05")
    page.evaluate("studio.player.seek(0)")
    page.keyboard.press("Escape")
    page.evaluate("studio.player.play()")
    until(page, "document.querySelector('.slot-1 video').currentTime > 0.5")
    # The same again is a clip of its own: nothing is replaced.
    page.click("#preview")
    page.locator("#run-2[data-state=done]").wait_for(timeout=90_000)
    assert clip.with_name("clip_preview.mp4").is_file()


def test_a_render_is_paused_and_goes_on(clip, serve, open_page):
    page = open_page(serve(clip))
    change(page, first_steps=4, steps=4, max_side=64)
    page.click("#tab-renders")
    page.click("#render")
    painted(page, 1)
    page.get_by_role("button", name="Pause").last.click()
    page.locator("#run-1[data-state=paused]").wait_for(timeout=60_000)
    kept = len(list(clip.with_name("clip_mnst.mp4.mnst").glob("*.png")))
    assert 1 <= kept < 48
    page.get_by_role("button", name="Go on").click()
    page.locator("#run-1[data-state=done]").wait_for(timeout=90_000)
    assert clip.with_name("clip_mnst.mp4").is_file()


def test_a_studio_that_is_killed_finds_its_render_again(clip, serve, open_page):
    served = serve(clip)
    page = open_page(served)
    change(page, first_steps=4, steps=4, max_side=64)
    page.click("#tab-renders")
    page.click("#render")
    painted(page, 1)
    done = page.evaluate("studio.store.renders[0].done")
    page.goto("about:blank")
    open_page.problems.clear()
    served.stop(signal.SIGKILL)
    page = open_page(serve(clip))
    until(page, "window.studio?.store.renders[0]?.number === 1")
    again = page.evaluate("studio.store.renders[0]")
    assert again["done"] >= done
    page.click("#tab-renders")
    page.locator("#run-1[data-state=done]").wait_for(timeout=90_000)
    # All that was set is there too.
    assert page.evaluate("studio.store.settings.first_steps") == 4


def test_a_render_that_cannot_be_says_why(clip, serve, open_page):
    page = open_page(serve(clip))
    change(page, **QUICK)
    page.click("#tab-renders")
    clip.rename(clip.with_name("elsewhere.mp4"))
    page.click("#render")
    page.locator("#run-1[data-state=failed]").wait_for(timeout=60_000)
    assert "there is no such file" in page.locator("#run-1 .state").inner_text()
    page.evaluate("studio.store.refreshState()")
    page.locator(".banner").wait_for()
    assert "no longer where it was" in page.locator(".banner").inner_text()


def test_a_preset_is_saved_with_the_same_gamma(clip, serve, open_page):
    page = open_page(serve(clip))
    change(page, gamma="0=0.1, 1s=0.9 ease-in-out, end=0.3")
    page.click("#tab-files")
    page.fill("#preset-name", "mine")
    page.click("#save-preset")
    until(page, "document.body.innerText.includes('Saved as')")
    assert planned(clip, clip.with_name("mine.toml")) == planned(clip, draft_of(clip))
    shown = page.locator("#command").inner_text()
    assert shown.startswith("mnst-video ")
    assert "'0=0.1, 1=0.9 ease-in-out, end=0.3'" in shown


def test_a_shipped_preset_is_used(clip, serve, open_page):
    page = open_page(serve(clip))
    page.click("#tab-files")
    page.locator(".preset", has_text="ping-pong").get_by_role("button").click()
    settled(page, 1)
    assert page.evaluate("studio.store.lanes[0].keys.length") == 3
    change(page, gamma="0=0")
    page.locator(".preset", has_text="verse-chorus").get_by_role("button").click()
    page.locator("#messages .problem").wait_for()
    assert "--bpm" in page.locator("#messages .problem").inner_text()
    change(page, bpm=120)
    page.locator(".preset", has_text="verse-chorus").get_by_role("button").click()
    until(page, "studio.store.lanes[0].repeat === '16bar'")
    assert page.evaluate("studio.store.settings.bpm") == 120
    open_page.problems[:] = [p for p in open_page.problems if "422" not in p]


def midi():
    file, out = mido.MidiFile(ticks_per_beat=480), io.BytesIO()
    track = mido.MidiTrack()
    file.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(120)))
    track.append(mido.Message("control_change", control=1, value=0))
    track.append(mido.Message("control_change", control=1, value=127, time=960))
    file.save(file=out)
    return out.getvalue()


def test_a_midi_file_is_dropped(clip, serve, open_page):
    page = open_page(serve(clip))
    dropped(page, ".stage", "keys.mid", midi())
    settled(page, 1)
    settings = page.evaluate("studio.store.settings")
    assert settings["gamma"] == "0=0 hold, 1=1 hold"
    assert settings["bpm"] == 120.0


def test_paintings_are_dropped_and_wrong_files_are_refused(clip, serve, open_page):
    from PIL import Image

    page = open_page(serve(clip))
    picture = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(picture, "png")
    dropped(page, ".painting", "my teal.png", picture.getvalue())
    settled(page, 1)
    home = draft_of(clip).parent
    assert page.evaluate("studio.store.settings.style1") == str(home / "my teal.png")
    # Relative, so that the folder can be moved.
    assert 'style1 = "my teal.png"' in draft_of(clip).read_text()
    for name, data in (("words.png", b"no picture"), ("run.exe", b"MZ"), ("keys.mid", b"nothing")):
        page.evaluate("document.querySelectorAll('#messages p').forEach((p) => p.remove())")
        dropped(page, ".stage" if name != "words.png" else ".painting", name, data)
        page.locator("#messages .problem").wait_for()
        assert name in page.locator("#messages .problem").inner_text()
    assert not list(home.glob("words*"))
    assert page.evaluate("studio.store.state.revision") == 1
    open_page.problems[:] = [p for p in open_page.problems if "422" not in p]


def test_two_pages_show_the_same(clip, serve, open_page):
    served = serve(clip)
    one, two = open_page(served), open_page(served)
    change(one, gamma="0=0, end=0.5")
    until(two, "studio.store.settings.gamma === '0=0, end=0.5'")
    change(two, gamma="0=1")
    until(one, "studio.store.settings.gamma === '0=1'")


def test_what_the_settings_say_is_what_help_says(clip, serve, open_page):
    page = open_page(serve(clip))
    page.click("#tab-settings")
    page.get_by_label("Find a setting").fill("steps")
    page.fill("#option-steps", "3")
    page.keyboard.press("Enter")
    settled(page, 1)
    assert page.evaluate("studio.store.settings.steps") == 3
    page.fill("#option-first_steps", "0")
    page.keyboard.press("Enter")
    page.locator("#messages .problem").wait_for()
    assert "first_steps = 0" in page.locator("#messages .problem").inner_text()
    assert page.input_value("#option-first_steps") == ""
    page.get_by_label("Set --steps back to its default").click()
    settled(page, 2)
    assert page.evaluate("studio.store.settings.steps") is None
    open_page.problems[:] = [p for p in open_page.problems if "422" not in p]


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("size", [(1366, 768), (820, 1180)])
def test_nobody_is_shut_out(clip, serve, open_page, scheme, size):
    page = open_page(serve(clip), scheme, size)
    change(page, bpm=120)
    page.evaluate(AXE.read_text())
    for tab in ("styles", "settings", "renders", "files"):
        page.click(f"#tab-{tab}")
        found = page.evaluate("axe.run().then((report) => report.violations)")
        serious = [
            (v["id"], [node["target"] for node in v["nodes"]][:3])
            for v in found
            if v["impact"] in ("serious", "critical")
        ]
        assert serious == [], tab


@pytest.mark.usefixtures("clip")
def test_a_clip_is_chosen_where_none_was_given(serve, browser):
    served = serve(None)
    page = browser.new_page()
    page.goto(served.address)
    page.get_by_role("button", name="clip.mp4").click()
    until(page, "window.studio?.store.clip?.name === 'clip.mp4'")
    page.close()


def test_a_clip_that_browsers_do_not_play_is_copied(make_clip, serve, open_page):
    clip = make_clip("film.mkv", frames=24)
    started = time.monotonic()
    page = open_page(serve(clip))  # waits until it plays
    assert time.monotonic() - started < 60
    assert page.evaluate("studio.player.source").startswith("/api/copy")
    assert page.evaluate("studio.player.video.duration") == pytest.approx(1.0, abs=0.05)


def test_a_setlist_is_put_in_order(clip, serve, open_page):
    from PIL import Image

    for color in ("teal", "gold", "brown"):
        Image.new("RGB", (40, 30), color).save(clip.with_name(f"{color}.png"))
    page = open_page(serve(clip), looks=True)
    change(page, style1=str(clip.with_name("teal.png")), style2=str(clip.with_name("gold.png")))
    change(page, gamma="0=0.25 hold, 1=1")
    page.locator(".adder select").select_option(label="brown.png")
    until(page, "studio.store.lanes[0]?.name === 'position'")
    # The first two stay where they were.
    assert page.evaluate("studio.store.settings.position") == "0=1.75 hold, 1=1"
    page.get_by_label("Position 3").get_by_label("Earlier").click()
    until(page, "studio.store.state.styles[1].endsWith('brown.png')")
    names = page.evaluate("studio.store.state.styles.map((path) => path.split('/').pop())")
    assert names == ["teal.png", "brown.png", "gold.png"]
    until(page, "document.querySelectorAll('.strip img').length === 5", seconds=60)
    page.get_by_label("Set a key of 1.25 here").click()
    until(page, "studio.store.lanes[0].keys.some((key) => key.value === 1.25)")
    assert "null" not in page.locator("#panel-styles").inner_text()
    gamma = planned(clip, draft_of(clip))
    assert gamma[0] == pytest.approx(0.75)  # between the first two, γ = 2 - 1.25
    page.get_by_label("Position 1").get_by_label("Remove").click()
    until(page, "studio.store.lanes[0].name === 'gamma'")
    assert page.evaluate("studio.store.settings.gamma") == "0f=0.75 hold, 1=1"


def test_the_beat_grid_is_dragged(clip, serve, open_page):
    page = open_page(serve(clip))
    change(page, bpm=120)
    box = page.locator(".beats").bounding_box()
    y = box["y"] + box["height"] / 2
    second = box["width"] / 2
    drag(page, (box["x"] + second, y), (box["x"] + 1.1 * second, y))
    settled(page, 2)
    assert page.evaluate("studio.store.settings.beat_offset") == pytest.approx(0.1, abs=0.01)
    page.keyboard.down("Shift")  # the beat at 1.1 s goes to 1.3 s: beat 2 of a slower tempo
    drag(page, (box["x"] + 1.1 * second, y), (box["x"] + 1.3 * second, y))
    page.keyboard.up("Shift")
    settled(page, 3)
    assert page.evaluate("studio.store.settings.bpm") == pytest.approx(100, abs=1.5)


def test_paintings_are_seen_beside_the_frame(clip, serve, open_page):
    page = open_page(serve(clip))
    page.select_option("#slot-0", "style 0")
    until(page, "document.querySelector('.slot-0 > img').naturalWidth > 320")
    page.select_option("#slot-0", "footage")
    until(page, "document.querySelector('.slot-0 > video#footage')?.offsetWidth > 0")


@pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit")
def test_a_full_disk_is_told_and_nothing_is_lost(clip, serve, open_page):
    import resource

    served = serve(clip)
    page = open_page(served)
    change(page, gamma="0=0.25")
    before = draft_of(clip).read_text()
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (4, resource.RLIM_INFINITY))
    page.evaluate("studio.store.change({gamma: '0=0.75'}, '')")
    page.locator("#messages .problem").wait_for()
    assert "cannot be written" in page.locator("#messages .problem").inner_text()
    assert page.evaluate("studio.store.settings.gamma") == "0=0.25"
    assert draft_of(clip).read_text() == before
    unlimited = resource.RLIM_INFINITY, resource.RLIM_INFINITY
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, unlimited)
    change(page, gamma="0=0.75")
    assert "0.75" in draft_of(clip).read_text()
    open_page.problems[:] = [p for p in open_page.problems if "422" not in p]
