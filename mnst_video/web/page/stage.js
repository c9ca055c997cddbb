// What is seen of the clip: two pictures beside each other, or one wiped over the other.

import { choice, h } from "./dom.js";
import { player } from "./player.js";
import { post, tried } from "./server.js";
import { store } from "./store.js";
import { T } from "./texts.js";

// Milliseconds that the playhead stands still before its frame is painted.
const STANDS = 80;
// Seconds by which a second clip may be beside the first.
const APART = 0.06;
// Longer side of a look.
const SIDE = 320;

// Plays a video; a pause may come before it has begun, which is no error.
const begin = (video) => video.play().catch(() => {});

// What the two sides showed last; a render is of one clip.
function remembered() {
  const usual = ["footage", "look"];
  try {
    const last = JSON.parse(localStorage.getItem("shows"));
    return last.every((what) => /^(footage|look|style \d)$/.test(what)) ? last : usual;
  } catch {
    return usual;
  }
}

export class Stage {
  constructor(host) {
    this.mode = localStorage.getItem("mode") ?? "side";
    this.shows = remembered();
    this.look = { number: 0 };
    this.slots = [0, 1].map((side) => this.slot(side));
    this.handle = h("input", {
      type: "range",
      min: 0,
      max: 100,
      step: 0.1,
      value: 50,
      className: "wipe",
      ariaLabel: T.wipeHandle,
      oninput: () => this.wiped(),
    });
    this.screen = h("div", { className: "screen" }, ...this.slots.map((slot) => slot.box), this.handle);
    this.modes = choice(
      [
        ["side", T.sideBySide],
        ["wipe", T.wipe],
      ],
      this.mode,
      (mode) => this.setMode(mode),
      { ariaLabel: `${T.sideBySide}, ${T.wipe}` },
    );
    this.status = h("p", { className: "status", id: "look-status" });
    this.strip = h("div", { className: "strip", role: "group", ariaLabel: T.strip });
    host.append(
      h("div", { className: "stage-bar" }, ...this.slots.map((slot) => slot.select), this.modes, this.status),
      this.screen,
      this.strip,
    );
    this.aside = h("div", { hidden: true });
    host.append(this.aside);
    store.on("state", () => this.changed());
    store.on("renders", () => this.choices());
    store.on("look", (about) => this.came(about));
    store.on("looking", (about) => this.begun(about));
    store.on("opened", () => this.opened());
    player.on((kind) => this.moved(kind));
    new ResizeObserver(() => this.fit()).observe(host);
    this.setMode(this.mode);
    this.opened();
  }

  slot(side) {
    const image = h("img", { alt: "", draggable: false, hidden: true });
    const video = h("video", { muted: true, playsInline: true, hidden: true, preload: "auto" });
    // Where the playhead went while it was loaded.
    video.addEventListener("loadedmetadata", () => {
      video.currentTime = player.time + 0.5 / store.clip.fps;
      if (player.playing) begin(video);
    });
    const box = h("div", { className: `slot slot-${side}` }, image, video);
    const select = choice([], "", (value) => this.show(side, value), {
      ariaLabel: side ? T.right : T.left,
      id: `slot-${side}`,
    });
    return { side, box, image, video, select };
  }

  opened() {
    this.shows = remembered();
    this.last = null;
    this.strip.replaceChildren();
    for (const slot of this.slots) slot.image.removeAttribute("src");
    this.choices();
    this.changed();
  }

  choices() {
    const finished = store.renders.filter((run) => run.there && run.state === "done" && run.kind !== "evaluate");
    const pairs = [
      ["footage", T.footage],
      ["look", T.look],
      ...(store.state?.styles ?? []).map((path, index) => [`style ${index}`, path.split(/[\\/]/).pop()]),
      ...finished.map((run) => [`run ${run.number}`, run.name]),
      ...(store.state?.others ?? []).map((name, index) => [`other ${index}`, name]),
    ];
    for (const slot of this.slots) {
      if (!pairs.some(([value]) => value === this.shows[slot.side])) this.shows[slot.side] = "look";
      slot.select.replaceChildren(...pairs.map(([value, text]) => h("option", { value }, text)));
      slot.select.value = this.shows[slot.side];
    }
    this.place();
  }

  show(side, what) {
    const other = 1 - side;
    if (what === this.shows[other]) this.shows[other] = this.shows[side];
    this.shows[side] = what;
    localStorage.setItem("shows", JSON.stringify(this.shows));
    this.choices();
    if (what === "look") this.ask();
  }

  place() {
    let footage = this.aside;
    for (const slot of this.slots) {
      const what = this.shows[slot.side];
      slot.box.dataset.shows = what;
      const [kind, number] = what.split(" ");
      const still = kind === "look" || kind === "style" || (kind === "footage" && !player.ready);
      slot.image.hidden = !still;
      slot.video.hidden = kind !== "run" && kind !== "other";
      if (kind === "style") slot.image.src = `/api/style/${number}/large?of=${encodeURIComponent(store.state.styles[number])}`;
      const source = kind === "run" ? `/api/renders/${number}/file` : kind === "other" ? `/api/others/${number}` : "";
      if (slot.source !== source) {
        slot.source = source;
        if (source) slot.video.src = source;
        else slot.video.removeAttribute("src");
      }
      if (what === "footage") footage = slot.box;
      if (what === "look" && this.url) slot.image.src = this.url;
      else if (what === "footage") this.still(slot);
    }
    if (player.video.parentElement !== footage) {
      footage.append(player.video);
      if (player.playing) begin(player.video);
    }
  }

  // The frame itself, where the browser cannot play the clip (yet).
  still(slot) {
    if (player.ready || !store.clip) return;
    slot.image.hidden = false;
    slot.image.src = `/api/frame?seconds=${player.time}&side=640`;
  }

  setMode(mode) {
    this.mode = mode;
    localStorage.setItem("mode", mode);
    this.screen.dataset.mode = mode;
    this.wiped();
    this.fit();
  }

  wiped() {
    this.screen.style.setProperty("--wipe", `${this.handle.value}%`);
  }

  // The largest pictures of the clip's shape that fit.
  fit() {
    if (!store.clip) return;
    const shape = store.clip.width / store.clip.height;
    const wide = this.mode === "wipe" ? 1 : 2;
    const gap = this.mode === "wipe" ? 0 : 8;
    const { clientWidth, clientHeight } = this.screen;
    if (!clientWidth || !clientHeight) return;
    let width = Math.min((clientWidth - gap) / wide, clientHeight * shape);
    // On a narrow page below each other.
    const below = wide === 2 && Math.min(clientWidth, ((clientHeight - gap) / 2) * shape);
    this.screen.dataset.below = below > width ? "yes" : "no";
    if (below > width) width = below;
    this.screen.style.setProperty("--width", `${Math.floor(width)}px`);
    this.screen.style.setProperty("--height", `${Math.floor(width / shape)}px`);
  }

  moved(kind) {
    for (const slot of this.slots) {
      if (!slot.source || slot.video.readyState < 1) continue;
      const { video } = slot;
      if (kind === "play") begin(video);
      if (kind === "pause") video.pause();
      const apart = Math.abs(video.currentTime - player.time);
      if (kind !== "time" || apart > APART) video.currentTime = player.time + 0.5 / store.clip.fps;
    }
    if (kind === "time" || kind === "play") return;
    for (const slot of this.slots) if (this.shows[slot.side] === "footage") this.still(slot);
    this.ask();
  }

  changed() {
    this.fit();
    this.choices();
    this.report();
    this.ask();
  }

  // Has the frame at the playhead painted, as soon as it stands still.
  ask() {
    clearTimeout(this.timer);
    if (!store.clip?.there || !this.shows.includes("look") || player.playing || store.state.problem) return;
    const wanted = JSON.stringify([store.clip.path, player.time, store.state.revision, store.settings]);
    if (wanted === this.last) return;
    this.timer = setTimeout(async () => {
      this.last = wanted;
      const answer = await tried(post("/api/look", { seconds: player.time, side: SIDE, strip: true }));
      if (!answer) this.last = null;
    }, STANDS);
  }

  begun(about) {
    if (about.number < this.look.number) return;
    this.look = about;
    this.status.textContent = T.lookWaiting;
    this.strip.dataset.old = "yes";
  }

  came(about) {
    if (about.number !== this.look.number) return;
    if (about.problem) {
      this.status.textContent = about.problem;
      this.status.classList.add("problem");
      return;
    }
    this.status.classList.remove("problem");
    if (about.place !== null) {
      this.inStrip(about);
      return;
    }
    this.url = `/api/look/${about.number}/picture?steps=${about.steps}`;
    for (const slot of this.slots) {
      if (this.shows[slot.side] !== "look") continue;
      slot.image.src = this.url;
      slot.image.alt = T.lookAlt(this.look.value.toFixed(2));
      slot.image.dataset.number = about.number;
      slot.image.dataset.steps = about.steps;
    }
    this.status.textContent = T.lookSteps(about.steps, about.last);
    if (about.sigma2.length) {
      store.sigma2 = about.sigma2;
      store.tell("look", { ...about, number: -1 });
    }
  }

  inStrip(about) {
    if (about.place === 0) this.strip.replaceChildren();
    delete this.strip.dataset.old;
    const value = this.look.strip[about.place];
    const image = h("img", { alt: "", src: `/api/look/${about.number}/${about.place}`, draggable: false });
    this.strip.append(
      h(
        "button",
        {
          type: "button",
          title: T.stripKey(value),
          ariaLabel: T.stripKey(value),
          onclick: () => this.onStrip?.(value),
        },
        image,
        h("span", {}, T.stripValue(store.lanes[0]?.name, value)),
      ),
    );
  }

  report() {
    const { copy, clip } = store.state ?? {};
    if (clip && !clip.there) this.status.textContent = T.vanished(clip.name);
    else if (copy?.problem) this.status.textContent = T.copyFailed(copy.problem);
    else if (copy?.busy) this.status.textContent = T.copying(copy.done, copy.total);
  }
}
