// Start @copilotkit/aimock three times (open to all, strict about what it knows, with a key) and print where.
// Ends with its standard input.
import { createRequire } from "node:module";

const { LLMock } = createRequire(`${process.env.PEERS_NODE_MODULES}/`)("@copilotkit/aimock");

const text = (content) => (typeof content === "string" ? content : content[0].text);
const newest = (request) => text(request.messages.findLast((message) => message.role === "user").content);
const weather = { id: "call_1", name: "get_weather", arguments: '{"city":"Paris","days":3}' };

function describe(mock) {
  mock.onMessage(/^say /, (request) => ({ content: newest(request).slice(4) }), { chunkSize: 4 });
  mock.onMessage("slowly", { content: "one two three four five six" }, { chunkSize: 4, latency: 20 });
  mock.onMessage("cut after two", { content: "one two three four" }, { chunkSize: 4, truncateAfterChunks: 2 });
  mock.onMessage("quota", { error: { message: "no credit", type: "insufficient_quota", code: "billing" }, status: 429 });
  mock.onMessage("turns", (request) => ({ content: `${request.messages.length} messages so far` }));
  mock.on({ toolCallId: "call_1" }, (request) => ({ content: `it is ${request.messages.at(-1).content}` }));
  mock.onMessage("weather", { toolCalls: [weather] }, { chunkSize: 5 });
  mock.onMessage("explain, then call", { content: "Let me look.", toolCalls: [weather, { ...weather, id: "call_2" }] });
  mock.on({ endpoint: "realtime-transcription" }, { transcription: { text: "hello out there" } }, { chunkSize: 6 });
}

const open = new LLMock({ port: 0, logLevel: "silent" });
const strict = new LLMock({ port: 0, logLevel: "silent", strict: true });
const locked = new LLMock({ port: 0, logLevel: "silent", auth: { apiKeys: ["right"] } });
for (const mock of [open, strict, locked]) {
  describe(mock);
  await mock.start();
}
console.log(JSON.stringify({ open: `${open.url}/v1`, strict: `${strict.url}/v1`, locked: `${locked.url}/v1` }));
process.stdin.on("end", () => process.exit()).resume();
