// The official JavaScript SDK as a client: node sdk_client.mjs SCENARIO,… BASE_URL…
// Runs the scenarios side by side, each in a session of its own, and prints one JSON line for each.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.PEERS_NODE_MODULES}/`);
const { OpenAI } = require("openai");
const { OpenAIRealtimeWS } = require("openai/realtime/ws");

const [names, ...baseURLs] = process.argv.slice(2);
const PATIENCE = 30_000;

/** One session, and its events in order. */
class Talk {
  constructor(baseURL) {
    this.events = [];
    this.rt = new OpenAIRealtimeWS({ model: "gpt-realtime" }, new OpenAI({ baseURL, apiKey: "any" }));
    this.rt.on("event", (event) => this.put(event));
    this.rt.on("error", (error) => error.error ?? this.put({ type: "broken", message: String(error) }));
    this.rt.socket.on("close", (code) => this.put({ type: "closed", code }));
  }

  put(event) {
    this.events.push(event);
    this.wake?.();
  }

  /** Take events up to the first of this type, and return that. */
  async until(type, taken = []) {
    for (;;) {
      while (this.events.length) {
        const event = this.events.shift();
        taken.push(event);
        if (event.type === type) return event;
        if (["broken", "closed", "error"].includes(event.type)) throw new Error(JSON.stringify(event));
      }
      await new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no ${type} came`)), PATIENCE);
        this.wake = () => (clearTimeout(timer), resolve());
      });
    }
  }

  /** Send events; only once the session is there. */
  send(...events) {
    for (const event of events) this.rt.send(event);
  }

  say(text) {
    const content = [{ type: "input_text", text }];
    this.send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
    this.send({ type: "response.create" });
  }

  /** Read a whole response: its text or transcript, its audio's length, its end. */
  async answer() {
    const taken = [];
    const { response } = await this.until("response.done", taken);
    const pieces = (...types) => taken.filter((event) => types.includes(event.type)).map((event) => event.delta);
    return {
      status: response.status,
      reason: response.status_details?.reason ?? null,
      text: pieces("response.output_text.delta", "response.output_audio_transcript.delta").join(""),
      audio: pieces("response.output_audio.delta").reduce((sum, each) => sum + Buffer.from(each, "base64").length, 0),
      calls: response.output.filter((item) => item.type === "function_call"),
    };
  }

  async configure(session) {
    this.send({ type: "session.update", session: { type: "realtime", ...session } });
    return (await this.until("session.updated")).session;
  }

  speak(seconds, { loud = true } = {}) {
    const samples = Int16Array.from({ length: seconds * 24_000 }, (_, n) => (loud ? 9_000 * Math.sin(n / 9) : 0));
    this.send({ type: "input_audio_buffer.append", audio: Buffer.from(samples.buffer).toString("base64") });
  }
}

const TEXT = { output_modalities: ["text"] };
const TOOL = {
  type: "function",
  name: "get_weather",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

const scenarios = {
  async text(talk) {
    await talk.configure(TEXT);
    talk.say("say good morning");
    const { text, status } = await talk.answer();
    return { text, status };
  },

  async turns(talk) {
    await talk.configure(TEXT);
    talk.say("my name is Ada");
    await talk.answer();
    talk.say("what is my name?");
    return (await talk.answer()).text;
  },

  async update(talk) {
    await talk.configure({ ...TEXT, instructions: "Be brief." });
    return (await talk.configure({ max_output_tokens: 4 })).instructions;
  },

  async error(talk) {
    talk.send({ type: "response.cancel", event_id: "mine" }, { type: "no.such.event", event_id: "mine too" });
    const errors = [];
    for (const _ of ["one", "two"]) {
      errors.push((await talk.until("error")).error);
    }
    return errors.map(({ code, event_id }) => ({ code, event_id }));
  },

  async cancel(talk) {
    await talk.configure(TEXT);
    talk.say("count to 1000");
    talk.send({ type: "response.cancel", response_id: (await talk.until("response.output_text.delta")).response_id });
    const { status, reason } = await talk.answer();
    return { status, reason };
  },

  async function_call(talk) {
    await talk.configure({ ...TEXT, tools: [TOOL], tool_choice: "auto" });
    talk.say("please get_weather for Paris");
    const [{ name, call_id, arguments: given }] = (await talk.answer()).calls;
    const item = { type: "function_call_output", call_id, output: "sunny" };
    talk.send({ type: "conversation.item.create", item }, { type: "response.create" });
    return { name, arguments: JSON.parse(given), text: (await talk.answer()).text };
  },

  async push_to_talk(talk) {
    await talk.configure({ audio: { input: { turn_detection: null } } });
    talk.speak(1);
    talk.send({ type: "input_audio_buffer.commit" });
    const { item_id } = await talk.until("input_audio_buffer.committed");
    const { item } = await talk.until("conversation.item.added");
    talk.send({ type: "response.create" });
    const { status, text, audio } = await talk.answer();
    return { own: item.id === item_id, status, spoken: text !== "", audible: audio > 4_800 };
  },

  async voice_detection(talk) {
    const detection = { type: "server_vad", silence_duration_ms: 300 };
    await talk.configure({ audio: { input: { turn_detection: detection } } });
    talk.speak(0.5, { loud: false });
    talk.speak(1);
    talk.speak(1, { loud: false });
    const { audio_start_ms } = await talk.until("input_audio_buffer.speech_started");
    const { audio_end_ms } = await talk.until("input_audio_buffer.speech_stopped");
    const { status, audio } = await talk.answer();
    return { status, audible: audio > 4_800, heard: audio_end_ms - audio_start_ms };
  },
};

/** Run one scenario in a session of its own and print what came out. */
async function play(at, scenario) {
  const talk = new Talk(at);
  try {
    await talk.until("session.created");
    console.log(JSON.stringify({ at, scenario, result: await scenarios[scenario](talk) }));
  } catch (error) {
    console.log(JSON.stringify({ at, scenario, failed: String(error) }));
  }
  talk.rt.close();
}

await Promise.all(baseURLs.flatMap((at) => names.split(",").map((scenario) => play(at, scenario))));
