// The panel of renders: begun, watched, paused, compared.

import { button, duration, h, iconButton } from "./dom.js";
import { get, post, tried } from "./server.js";
import { store } from "./store.js";
import { T } from "./texts.js";

export class Renders {
  // show: called with a side and what to show there; scores: with a render's scores.
  constructor(host, show, scores) {
    this.host = host;
    this.onShow = show;
    this.onScores = scores;
    this.cards = new Map();
    this.name = h("input", {
      type: "text",
      id: "output-name",
      placeholder: T.outputHint,
      ariaLabel: T.outputName,
    });
    this.list = h("div", {});
    host.append(
      h(
        "div",
        { className: "row" },
        button(T.preview, () => this.begin("preview"), { title: T.previewHint, id: "preview" }),
        button(T.render, () => this.begin("render"), {
          title: T.renderHint,
          id: "render",
          className: "main",
        }),
      ),
      h("div", { className: "row" }, this.name),
      this.list,
    );
    store.on("renders", () => this.show());
    store.on("opened", () => {
      this.cards.clear();
      this.list.replaceChildren();
    });
    this.show();
  }

  async begin(kind) {
    const name = this.name.value.trim() || null;
    const answer = await tried(post("/api/render", { kind, name }));
    if (answer) this.name.value = "";
  }

  show() {
    const { renders } = store;
    if (!renders.length) {
      this.cards.clear();
      this.list.replaceChildren(h("p", { className: "faint" }, T.noRenders));
      return;
    }
    const wanted = renders.map((run) => this.card(run));
    const now = [...this.list.children];
    if (wanted.length !== now.length || wanted.some((card, i) => card !== now[i])) {
      this.list.replaceChildren(...wanted);
    }
    for (const number of this.cards.keys()) {
      if (!renders.some((run) => run.number === number)) this.cards.delete(number);
    }
  }

  card(run) {
    let card = this.cards.get(run.number);
    if (!card) {
      const title = h("h3", {});
      const state = h("p", { className: "state" });
      const bar = h("progress", { max: 1, value: 0, ariaLabel: T.kinds[run.kind] });
      const image = h("img", { alt: T.latest, hidden: true });
      const buttons = h("div", { className: "row" });
      const notes = h("pre", {});
      const folded = h("details", {}, h("summary", {}, T.notes), notes);
      const element = h(
        "section",
        { className: "run", id: `run-${run.number}` },
        title,
        state,
        bar,
        image,
        buttons,
        folded,
      );
      card = { element, title, state, bar, image, buttons, notes, folded };
      this.cards.set(run.number, card);
    }
    this.fill(card, run);
    return card.element;
  }

  fill(card, run) {
    const measured = store.renders.some((r) => r.of === run.number && r.state !== "failed");
    const key = JSON.stringify([run, measured]);
    if (card.key === key) return;
    card.key = key;
    card.element.dataset.state = run.state;
    card.title.textContent = `${T.kinds[run.kind]} ${run.number}: ${run.name}`;
    card.state.textContent = this.words(run);
    card.state.classList.toggle("problem", Boolean(run.problem));
    const busy = run.state === "running" || run.state === "pausing";
    card.bar.hidden = !busy;
    if (run.total) card.bar.value = run.done / run.total;
    else card.bar.removeAttribute("value");
    const painting = run.state !== "done" && run.kind === "render" && run.frame !== null;
    card.image.hidden = !painting;
    if (painting) card.image.src = `/api/renders/${run.number}/frame/${run.frame}`;
    card.notes.textContent = run.notes.join("\n");
    card.folded.hidden = !run.notes.length;
    const act = (what) => () => tried(post(`/api/renders/${run.number}/${what}`));
    const buttons = [];
    if (run.state === "running" || run.state === "queued") buttons.push(button(T.pause, act("pause")));
    if (run.state === "paused" || run.state === "failed") buttons.push(button(T.goOn, act("go-on")));
    if (run.state === "done" && run.there && run.kind !== "evaluate") {
      const file = `/api/renders/${run.number}/file`;
      buttons.push(
        button(T.show(T.left.toLowerCase()), () => this.onShow(0, `run ${run.number}`)),
        button(T.show(T.right.toLowerCase()), () => this.onShow(1, `run ${run.number}`)),
        h("a", { href: file, download: run.name, className: "button" }, T.download),
      );
    }
    if (run.state === "done" && run.kind === "render" && run.there) {
      if (!measured) {
        buttons.push(button(T.measure, () => tried(post("/api/evaluate", { number: run.number }))));
      }
    }
    if (run.state === "done" && run.kind === "evaluate") {
      buttons.push(button(T.measured, () => this.scores(run)));
    }
    if (!busy) buttons.push(iconButton("remove", T.removeRun, act("remove")));
    card.buttons.replaceChildren(...buttons);
    if (run.kind === "evaluate" && run.state === "done" && card.was === "running") this.scores(run);
    card.was = run.state;
  }

  async scores(run) {
    const found = await tried(get(`/api/renders/${run.number}/scores`));
    if (found) this.onScores(found, run.name);
  }

  words(run) {
    if (run.problem) return run.problem;
    const words = [T.states[run.state]];
    if (run.state === "running") {
      if (T.phases[run.phase]) words.splice(0, 1, T.phases[run.phase]);
      if (run.total && run.phase !== "encoding") words.push(T.progress(run.done, run.total));
      if (run.left !== null) words.push(T.leftTime(duration(run.left)));
    } else if (run.state === "done" && run.seconds !== null) words.push(T.took(duration(run.seconds)));
    else if (run.total && run.state !== "queued") words.push(T.progress(run.done, run.total));
    return words.join(", ");
  }
}
