// Sends what the visitor types, and shows the answer as it comes.
// Not by EventSource: that only knows GET, and asks again by itself when an answer has ended.
"use strict";

const form = document.getElementById("ask");
const turns = document.getElementById("turns");
const send = document.getElementById("send");
const stop = document.getElementById("stop");

function say(who, text) {
  document.getElementById("hint")?.remove();
  const turn = document.createElement("p");
  turn.className = who;
  turn.textContent = text;
  turns.append(turn);
  turns.scrollTop = turns.scrollHeight;
  return turn;
}

// Yields {name, data} of a response's server-sent events; comments, which keep the line open, are passed over.
async function* serverSentEvents(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (waiting + value).split("\n\n");
    waiting = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
      if (fields.event) yield { name: fields.event, data: JSON.parse(fields.data) };
    }
  }
}

async function ask(body, signal) {
  const answer = say("assistant", "");
  answer.classList.add("coming");
  let ended = false;
  try {
    const response = await fetch(form.action, { method: "POST", body, signal });
    if (!response.ok) {
      const told = await response.json().catch(() => null);
      throw new Error(told?.error?.message ?? `The page answered with status ${response.status}.`);
    }
    for await (const { name, data } of serverSentEvents(response)) {
      if (name === "delta" || name === "refusal") answer.textContent += data.text;
      if (name === "failed") throw new Error(data.message);
      ended ||= name === "done";
      turns.scrollTop = turns.scrollHeight;
    }
    if (!ended) throw new Error("The answer was cut off.");
  } catch (error) {
    say("note", error.name === "AbortError" ? "Stopped; this is not remembered." : error.message);
  } finally {
    answer.classList.remove("coming");
    if (!answer.textContent) answer.remove();
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = new FormData(form);
  const leaving = new AbortController();
  stop.onclick = () => leaving.abort();
  say("user", body.get("text"));
  form.reset();
  send.disabled = true;
  stop.hidden = false;
  await ask(body, leaving.signal);
  stop.hidden = true;
  send.disabled = false;
  form.elements.text.focus();
});

turns.scrollTop = turns.scrollHeight;
