// The playhead: the clip as the browser plays it is the clock.

import { post, tried } from "./server.js";
import { store } from "./store.js";

export const player = {
  video: null,
  time: 0,
  playing: false,
  watchers: [],

  begin() {
    this.video = document.createElement("video");
    this.video.playsInline = true;
    this.video.preload = "auto";
    this.video.id = "footage";
    this.video.addEventListener("error", () => this.askForCopy());
    this.video.addEventListener("ended", () => this.pause());
    this.video.addEventListener("pause", () => {
      if (this.playing && this.video.ended) this.pause();
    });
    store.on("state", () => this.load());
    store.on("opened", () => {
      this.time = 0;
      this.source = null;
      this.load();
    });
    this.load();
  },

  on(watcher) {
    this.watchers.push(watcher);
  },

  tell(kind) {
    for (const watcher of this.watchers) watcher(kind);
  },

  // Takes the clip, or its copy as soon as there is one.
  load() {
    const clip = store.clip;
    if (!clip) return;
    if (!clip.plays || this.failed === clip.path) {
      if (!store.state.copied) {
        if (!store.state.copy) this.askForCopy();
        return;
      }
      if (store.state.copy?.busy) return;
      this.take(`/api/copy?of=${encodeURIComponent(clip.path)}`);
    } else {
      this.take(`/api/clip?of=${encodeURIComponent(clip.path)}`);
    }
  },

  take(source) {
    if (this.source === source) return;
    this.source = source;
    this.video.src = source;
    this.video.currentTime = this.time;
  },

  askForCopy() {
    if (!store.clip) return;
    this.failed = store.clip.path;
    if (store.state.copied && this.source?.startsWith("/api/copy")) return;
    if (store.state.copied) this.load();
    else tried(post("/api/copy"));
  },

  get ready() {
    return this.video.readyState >= 1 && !this.video.error;
  },

  get duration() {
    return store.clip?.duration ?? 0;
  },

  get lastFrame() {
    return store.clip ? this.duration - 1 / store.clip.fps : 0;
  },

  seek(seconds) {
    this.time = Math.min(Math.max(seconds, 0), Math.max(this.lastFrame, 0));
    // Half a frame in: a time on the edge between two is either.
    if (this.ready) this.video.currentTime = this.time + 0.5 / store.clip.fps;
    this.tell("seek");
  },

  step(frames) {
    this.pause();
    this.seek(Math.round(this.time * store.clip.fps + frames) / store.clip.fps);
  },

  async play() {
    if (!this.ready) return;
    if (this.time >= this.lastFrame - 1e-6) this.seek(0);
    this.playing = true;
    this.tell("play");
    try {
      await this.video.play();
    } catch {
      this.pause();
      return;
    }
    const follow = () => {
      if (!this.playing) return;
      this.time = Math.min(this.video.currentTime, this.lastFrame);
      this.tell("time");
      requestAnimationFrame(follow);
    };
    requestAnimationFrame(follow);
  },

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.video.pause();
    // To the frame that is shown.
    this.time = Math.min(
      Math.floor(this.video.currentTime * store.clip.fps + 1e-3) / store.clip.fps,
      this.lastFrame,
    );
    this.tell("pause");
  },

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  },
};
