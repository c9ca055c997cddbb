// What the page knows: the server's state, and who wants to hear of it.

import { get, listen, post, tried } from "./server.js";
import { T } from "./texts.js";

export const store = {
  about: null,
  state: null,
  renders: [],
  watchers: { state: [], renders: [], look: [], looking: [], opened: [] },

  on(kind, watcher) {
    this.watchers[kind].push(watcher);
  },

  tell(kind, about) {
    for (const watcher of this.watchers[kind]) watcher(about);
  },

  get settings() {
    return this.state?.settings ?? {};
  },

  get clip() {
    return this.state?.clip ?? null;
  },

  get lanes() {
    return this.state?.lanes ?? [];
  },

  async begin() {
    this.about = await get("/api/about");
    await this.refresh();
    listen({
      hello: () => this.refresh(),
      anew: () => this.refresh(),
      project: () => this.refreshState(),
      chore: () => this.refreshState(),
      opened: async () => {
        await this.refresh();
        this.tell("opened");
      },
      renders: () => this.refreshRenders(),
      looking: (about) => this.tell("looking", about),
      look: (about) => this.tell("look", about),
    });
  },

  async refresh() {
    await Promise.all([this.refreshState(), this.refreshRenders()]);
  },

  // One question at a time; of those that come meanwhile the last one is asked.
  refreshState: once(async () => {
    const state = await tried(get("/api/state"));
    if (state) {
      store.state = state;
      store.tell("state", state);
    }
  }),

  refreshRenders: once(async () => {
    const renders = await tried(get("/api/renders"));
    if (renders) {
      store.renders = renders;
      store.tell("renders", renders);
    }
  }),

  change(given, done) {
    return tried(post("/api/change", { given, done }));
  },

  set(name, value) {
    return this.change({ [name]: value }, T.done.option(name));
  },
};

function once(work) {
  let running = null;
  let again = false;
  return async () => {
    if (running) {
      again = true;
      return running;
    }
    running = (async () => {
      do {
        again = false;
        await work();
      } while (again);
    })();
    await running;
    running = null;
    return null;
  };
}
