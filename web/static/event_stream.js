/**
 * Server-sent events over `fetch`: an EventSource cannot send the token, which must not be in an address.
 */

import { request } from "./api.js";

/**
 * Follow a stream to its end; return if the server ended it normally.
 * @param {string} path
 * @param {{signal: AbortSignal, lastEventId: ?string, onEvent: function({type: string, id: string, data: string}): void,
 *   silenceSeconds: number}} options `silenceSeconds`: a stream without a byte for this time counts as cut.
 * @throws {Problem|Error} the stream was refused, or cut.
 */
export async function follow(path, { signal, lastEventId, onEvent, silenceSeconds }) {
  const cut = new AbortController();
  const stop = () => cut.abort(signal.reason);
  signal.addEventListener("abort", stop);
  let watchdog;
  const heard = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => cut.abort(new Error("nothing was heard")), silenceSeconds * 1000);
  };
  try {
    heard();
    const headers = { Accept: "text/event-stream", ...(lastEventId ? { "Last-Event-ID": lastEventId } : {}) };
    const response = await request(path, { signal: cut.signal, headers });
    const parse = parser(onEvent);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      parse(value);
    }
  } finally {
    cut.abort(); // Also if an event could not be handled: this frees the server's place for a stream.
    clearTimeout(watchdog);
    signal.removeEventListener("abort", stop);
  }
}

/** Return a function that takes the text of a stream in pieces of any size and calls `onEvent` with each event. */
export function parser(onEvent) {
  let rest = "";
  let id = "";
  let fields = {};
  return (piece) => {
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if ("data" in fields) onEvent({ type: fields.event || "message", id, data: fields.data });
        fields = {};
        continue;
      }
      const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
      if (name === "id") id = value;
      else if (name === "data") fields.data = "data" in fields ? `${fields.data}\n${value}` : value;
      else if (name === "event") fields.event = value;
    }
  };
}
