// The official JavaScript SDK on the Responses API: node responses_client.mjs SCENARIO,… BASE_URL…
// Runs each scenario on a connection of its own, and prints one JSON line for each.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.PEERS_NODE_MODULES}/`);
const { OpenAI } = require("openai");
const { ResponsesWS } = require("openai/resources/responses/ws");

const [names, ...baseURLs] = process.argv.slice(2);
const PATIENCE = 30_000;
const TERMINAL = ["response.completed", "response.incomplete", "response.failed", "error"];
const TOOL = {
  type: "function",
  name: "get_weather",
  strict: false,
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

/** One WebSocket, and its events in order. */
class Line {
  constructor(client) {
    this.events = [];
    this.ws = new ResponsesWS(client);
    this.ws.on("event", (event) => this.put(event));
    this.ws.on("error", (error) => error.error ?? this.put({ type: "broken", message: String(error) }));
  }

  put(event) {
    this.events.push(event);
    this.wake?.();
  }

  /** Return the next event for which this is true. */
  async find(wanted) {
    for (;;) {
      while (this.events.length) {
        const event = this.events.shift();
        if (event.type === "broken") throw new Error(event.message);
        if (wanted(event)) return event;
      }
      await new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error("nothing came")), PATIENCE);
        this.wake = () => (clearTimeout(timer), resolve());
      });
    }
  }

  send(input, params) {
    this.ws.send({ type: "response.create", model: "m", input, ...params });
  }

  end() {
    return this.find((event) => TERMINAL.includes(event.type));
  }

  async turn(input, params) {
    this.send(input, params);
    return (await this.end()).response;
  }
}

const said = (response) => response.output.flatMap((item) => item.content ?? []).map((part) => part.text).join("");

const overWebSocket = {
  async chain(line) {
    const first = await line.turn("my name is Ada", { store: false });
    return said(await line.turn("what is my name?", { store: false, previous_response_id: first.id }));
  },

  async lanes(line) {
    line.send("say one", { stream_id: "a" });
    line.send("say two", { stream_id: "b" });
    const ends = [await line.end(), await line.end()];
    return Object.fromEntries(ends.map((event) => [event.stream_id, said(event.response)]));
  },

  async tool_loop(line) {
    const first = await line.turn("please get_weather for Paris", { tools: [TOOL] });
    const [{ name, call_id, arguments: given }] = first.output;
    const output = { type: "function_call_output", call_id, output: "sunny" };
    const second = await line.turn([output], { previous_response_id: first.id });
    return { name, arguments: JSON.parse(given), text: said(second) };
  },

  async error(line) {
    line.send("hi", { previous_response_id: "resp_none", stream_id: "a" });
    const { status, stream_id, error } = await line.end();
    return { status, stream_id, code: error.code };
  },

  async steering(line) {
    line.send("count to 1000");
    const { response } = await line.find((event) => event.type === "response.created");
    await line.find((event) => event.type === "response.output_text.delta");
    line.ws.send({ type: "response.steer", previous_response_id: response.id, input: "say enough" });
    await line.find((event) => event.type === "response.steer.accepted");
    const { reason } = (await line.end()).response.incomplete_details;
    return { reason, text: said((await line.end()).response) };
  },
};

const overHttp = {
  async create(client) {
    const created = await client.responses.create({ model: "m", input: "say one two" });
    const again = await client.responses.retrieve(created.id);
    const items = await client.responses.inputItems.list(created.id);
    await client.responses.delete(created.id);
    const gone = await client.responses.retrieve(created.id).catch((error) => error.status);
    return { text: created.output_text, same: again.id === created.id, items: items.data.length, gone };
  },

  async stream(client) {
    const stream = client.responses.stream({ model: "m", input: "say one two" });
    let text = "";
    for await (const event of stream) text += event.type === "response.output_text.delta" ? event.delta : "";
    return { text, final: (await stream.finalResponse()).output_text };
  },

  async structured(client) {
    const schema = { type: "object", properties: { size: { type: "integer" } }, required: ["size"] };
    const format = { type: "json_schema", name: "thing", schema };
    return (await client.responses.parse({ model: "m", input: "it is 7", text: { format } })).output_parsed;
  },

  async background(client) {
    const created = await client.responses.create({ model: "m", input: "count to 1000", background: true });
    return (await client.responses.cancel(created.id)).status;
  },

  async compact(client) {
    const { input_tokens } = await client.responses.inputTokens.count({ model: "m", input: "my name is Ada" });
    const { output } = await client.responses.compact({ model: "m", input: "my name is Ada" });
    const input = [...output, { role: "user", content: "what is my name?" }];
    return { input_tokens, text: (await client.responses.create({ model: "m", input })).output_text };
  },
};

/** Run one scenario and print what came out. */
async function play(at, scenario) {
  const client = new OpenAI({ baseURL: at, apiKey: "any", maxRetries: 0 });
  const line = scenario in overWebSocket ? new Line(client) : null;
  try {
    const result = await (line ? overWebSocket[scenario](line) : overHttp[scenario](client));
    console.log(JSON.stringify({ at, scenario, result }));
  } catch (error) {
    console.log(JSON.stringify({ at, scenario, failed: String(error) }));
  }
  line?.ws.close();
}

await Promise.all(baseURLs.flatMap((at) => names.split(",").map((scenario) => play(at, scenario))));
