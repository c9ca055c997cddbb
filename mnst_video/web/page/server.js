// What is asked of the server, and what it tells.

import { say } from "./dom.js";
import { T } from "./texts.js";

async function answer(response) {
  if (response.status === 401) throw new Error(T.stranger);
  if (response.ok) return response;
  let text = response.statusText || String(response.status);
  try {
    text = (await response.json()).error ?? text;
  } catch {
    // No JSON: the status will do.
  }
  throw new Error(text);
}

async function ask(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch {
    throw new Error(T.lost);
  }
  return answer(response);
}

export const get = async (address) => (await ask(address)).json();

export const bytes = async (address) => (await ask(address)).arrayBuffer();

export const post = async (address, said = {}) =>
  (
    await ask(address, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(said),
    })
  ).json();

// The same, and a problem is shown to the person; null then.
export async function tried(promise) {
  try {
    return await promise;
  } catch (error) {
    say(error.message, "problem");
    return null;
  }
}

export async function upload(file, kind) {
  say(T.uploading(file.name));
  const address = `/api/upload?kind=${kind}&name=${encodeURIComponent(file.name)}`;
  return (await ask(address, { method: "POST", body: file })).json();
}

// What was said last of a line that is broken: once is enough.
let told = null;

// Calls a function of each kind of event; `hello` also after the line was broken.
export function listen(handlers) {
  const source = new EventSource("/api/events");
  for (const [kind, handle] of Object.entries(handlers)) {
    source.addEventListener(kind, (event) => handle(JSON.parse(event.data)));
  }
  source.addEventListener("error", async () => {
    if (source.readyState !== EventSource.CLOSED) return;
    // Refused: it asks anew by itself only where the line broke.
    try {
      await get("/api/renders");
      told = null;
    } catch (error) {
      if (error.message !== told) say(error.message, "problem");
      told = error.message;
    }
    setTimeout(() => listen(handlers), told ? 3000 : 500);
  });
  return source;
}
