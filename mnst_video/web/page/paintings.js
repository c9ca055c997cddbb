// The panel of the paintings: dropped, ordered, compared.

import { button, choice, h, iconButton, labelled } from "./dom.js";
import { get, tried, upload } from "./server.js";
import { store } from "./store.js";
import { T } from "./texts.js";

const name = (path) => path.split(/[\\/]/).pop();

// Keys of γ as those of a position, or back; null where nobody has set any.
function turned(lane, value) {
  if (!lane.given) return null;
  const keys = lane.keys.map((key) => `${key.time}=${+value(key.value).toFixed(4)} ${key.easing}`);
  return keys.join(", ") + (lane.repeat ? ` repeat ${lane.repeat}` : "");
}

export class Paintings {
  constructor(host) {
    this.host = host;
    this.files = [];
    store.on("state", () => this.show());
    store.on("look", () => this.showBalance());
    store.on("opened", () => this.list());
    this.balance = h("p", { className: "faint" });
    this.list();
  }

  async list() {
    this.files = (await tried(get("/api/files?kind=picture"))) ?? [];
    this.shown = null;
    this.show();
  }

  show() {
    const styles = store.state?.styles;
    if (!styles || !store.clip) return;
    const key = JSON.stringify([styles, this.files]);
    if (key === this.shown) return;
    this.shown = key;
    const many = styles.length > 2;
    this.host.replaceChildren(
      ...styles.map((path, index) => this.card(path, index, styles)),
      ...(many ? [] : [button(T.swap, () => this.set([styles[1], styles[0]]))]),
      this.adder(styles),
      this.balance,
    );
    this.showBalance();
  }

  card(path, index, styles) {
    const many = styles.length > 2;
    const title = many
      ? T.styleNames.position(index + 1)
      : index
        ? T.styleNames.second
        : T.styleNames.first;
    const put = (chosen) => this.set(styles.map((p, i) => (i === index ? chosen : p)));
    const swapped = (way) => {
      const made = [...styles];
      [made[index], made[index + way]] = [made[index + way], made[index]];
      this.set(made);
    };
    const card = h(
      "section",
      { className: "painting", ariaLabel: `${title} ${name(path)}` },
      h("img", { src: `/api/style/${index}?of=${encodeURIComponent(path)}`, alt: name(path) }),
      h(
        "div",
        {},
        h("h3", {}, title),
        h("p", { title: path }, name(path)),
        h(
          "div",
          { className: "row" },
          this.chooser(T.replace, put),
          many && index > 0 ? iconButton("up", T.moveUp, () => swapped(-1)) : null,
          many && index < styles.length - 1
            ? iconButton("down", T.moveDown, () => swapped(1))
            : null,
          many
            ? iconButton("remove", T.remove, () => this.set(styles.filter((_, i) => i !== index)))
            : null,
        ),
      ),
    );
    this.dropped(card, put);
    return card;
  }

  adder(styles) {
    const put = (path) => this.set([...styles, path]);
    const area = h(
      "section",
      { className: "adder" },
      labelled(T.addStyle, this.chooser("…", put)),
      h("p", { className: "faint" }, `${T.dropHere}. ${T.addStyleHint}`),
    );
    this.dropped(area, put);
    return area;
  }

  chooser(text, put) {
    const pairs = [["", text], ...this.files.map((path) => [path, name(path)])];
    const select = choice(pairs, "", (path) => path && put(path), { ariaLabel: text });
    return select;
  }

  dropped(element, put) {
    element.addEventListener("dragover", (event) => {
      event.preventDefault();
      element.classList.add("over");
    });
    element.addEventListener("dragleave", () => element.classList.remove("over"));
    element.addEventListener("drop", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      element.classList.remove("over");
      const [file] = event.dataTransfer.files;
      if (file) await this.taken(file, put);
    });
  }

  async taken(file, put) {
    const kept = await tried(upload(file, "picture"));
    if (kept) await put(kept.path);
  }

  // A picture that was dropped beside the cards becomes the second painting.
  async take(file) {
    const styles = store.state.styles;
    await this.taken(file, (path) => this.set(styles.map((p, i) => (i === 1 ? path : p))));
  }

  set(styles) {
    const given = { style1: styles[0], style2: styles[1], more_styles: styles.slice(2) };
    const [lane] = store.lanes;
    if (styles.length === 2) {
      given.more_styles = null;
      given.position = null;
      if (lane?.name === "position") given.gamma = turned(lane, (p) => 2 - Math.min(Math.max(p, 1), 2));
    } else {
      given.gamma = null;
      if (lane?.name === "gamma") given.position = turned(lane, (gamma) => 2 - gamma);
    }
    return store.change(given, T.done.styles);
  }

  showBalance() {
    const styles = store.state?.styles ?? [];
    const told = (store.sigma2 ?? []).slice(0, styles.length - 1);
    this.balance.textContent = told
      .map((sigma2, pair) => T.balance(sigma2, name(styles[pair]), name(styles[pair + 1])))
      .join(" ");
  }
}
