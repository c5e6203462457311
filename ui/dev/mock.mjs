// A stand-in for the service, for work on the page: its API with made-up recordings, in memory.
//
//   node dev/mock.mjs            http://127.0.0.1:8000, serves the built page and the API
//   EMPTY=1  PORT=8001  BASIC=1  LONG=20000  VIDEO=clip.mp4  SLOW=ms per step
import { createReadStream, existsSync, statSync } from "node:fs";
import http from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ANSWER, LECTURE, LECTURE_ZH, QUOTES } from "./samples.mjs";

const PAGE = fileURLToPath(new URL("../../src/videochat/web/page/", import.meta.url));
const PORT = Number(process.env.PORT ?? 8000);
const SLOW = Number(process.env.SLOW ?? 900);
const LONG = Number(process.env.LONG ?? 20000);
const BASIC = process.env.BASIC === "1";
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2" };
const CSP = "default-src 'self'; style-src 'self' 'unsafe-inline'; media-src 'self' blob:; img-src 'self' data:";

let count = 0;
const media = new Map();
const transcripts = new Map();
const answers = new Map();
const streams = new Set();
const newId = (prefix) => `${prefix}_${(++count).toString(36).padStart(6, "0")}`;
const problem = (status, code, detail) => ({ status, body: { title: "Error", status, detail, code, request_id: newId("req") } });

function segmentsOf(texts, total, pace = 6.2) {
  return Array.from({ length: total }, (_, n) => ({ n, start: n * pace, end: (n + 1) * pace, text: texts[n % texts.length], speaker: null, confidence: 0.9 }));
}

function addMedia(name, { kind = "video", duration = 120, age = 0, status = "ready", job = null, segments = [], size = 24_500_000, language = "en" }) {
  const id = newId("med");
  const item = { id, name, kind, mime: `${kind}/mp4`, size, sha256: "0".repeat(64), duration, status, mine: true, created_at: new Date(Date.now() - age * 3.6e6).toISOString(), job: null };
  if (job) item.job = { id: newId("job"), kind: "transcription", media_id: id, priority: "normal", attempts: 1, error: null, created_at: item.created_at, started_at: item.created_at, finished_at: null, ...job };
  media.set(id, item);
  transcripts.set(id, { segments, language });
  return item;
}

if (process.env.EMPTY !== "1") {
  const done = { status: "completed", progress: 1, step: "done" };
  addMedia("The sea, lecture 3 – why there are two tides a day.mp4", { duration: 124, age: 1, job: done, segments: segmentsOf(LECTURE, 20) });
  const growing = addMedia("Interview with Dr. Okafor (uncut).m4a", { kind: "audio", duration: 3724, age: 0.4, status: "processing", job: { status: "running", progress: 0.43, step: "transcribe" }, segments: segmentsOf(LECTURE, 14), size: 58_200_000 });
  setInterval(() => grow(growing), SLOW);
  addMedia("Team meeting 2026-11-20.webm", { duration: 2710, age: 0.3, status: "stored", job: { status: "queued", progress: 0, step: "queued" }, size: 410_000_000 });
  addMedia("holiday <b>clip</b> ../../etc.mov", { kind: "unknown", duration: null, age: 30, status: "failed", size: 1_204, job: { status: "failed", progress: 0.05, step: "probe", error: { code: "unsupported_media", message: "This file holds no sound that can be read. It seems to be cut off: try to export it again." } } });
  addMedia("潮汐讲座：为什么一天两次涨潮.mp4", { duration: 186, age: 52, job: done, segments: segmentsOf(LECTURE_ZH, 30), language: "zh" });
  addMedia("A day of parliament, all 34 hours.mp3", { kind: "audio", duration: LONG * 6.2, age: 200, job: done, segments: segmentsOf(LECTURE, LONG), size: 1_730_000_000 });
  for (let at = 0; at < 33; at++) addMedia(`Archive tape ${String(33 - at).padStart(2, "0")}.mp3`, { kind: "audio", duration: 1800 + at * 61, age: 400 + at, job: done, segments: segmentsOf(LECTURE, 40) });
}

let eventId = 0;
function tell(event, data, about) {
  eventId += 1;
  for (const stream of streams) if (stream.about === null || stream.about === about) stream.response.write(`id: ${eventId}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function grow(item) {
  const job = item.job;
  if (job?.status !== "running") return;
  const { segments } = transcripts.get(item.id);
  const n = segments.length;
  segments.push({ ...segmentsOf(LECTURE, 1)[0], n, start: n * 6.2, end: (n + 1) * 6.2, text: LECTURE[n % LECTURE.length] });
  job.progress = Math.min(0.99, job.progress + 0.004);
  tell("segments", { job_id: job.id, media_id: item.id, from: n, to: n + 1 }, job.id);
  tell("job", job, job.id);
}

function runJob(item) {
  const steps = [["probe", 0.02], ["audio", 0.1], ...Array.from({ length: 20 }, (_, at) => ["transcribe", 0.1 + at * 0.042]), ["finish", 0.98], ["done", 1]];
  const timer = setInterval(() => {
    const { job } = item;
    if (!["queued", "running"].includes(job.status)) return clearInterval(timer);
    const [step, progress] = steps.shift();
    Object.assign(job, { step, progress, status: step === "done" ? "completed" : "running" });
    item.status = step === "done" ? "ready" : "processing";
    if (step === "audio") item.duration = 124;
    if (step === "transcribe") grow(item);
    tell("job", job, job.id);
    if (step === "done") clearInterval(timer);
  }, SLOW);
}

const plain = ({ log, listeners, finish, ...answer }) => answer;
const titles = (about) => [...answers.values()].reverse().filter((answer, at, all) => (about === "library" ? answer.media === null : answer.media?.[0] === about) && all.findLastIndex((other) => other.conversation === answer.conversation) === at);
const titleOf = (answer) => ({ id: answer.conversation, title: answer.question, created_at: answer.created_at });

function startAnswer(question, ids, conversation) {
  const chosen = ids ?? [...media.keys()];
  const answer = { id: newId("ans"), conversation: conversation ?? newId("con"), question, media: ids, created_at: new Date().toISOString(), status: "running", text: "", citations: [], coverage: null, provider: BASIC ? "extractive" : "openai", model: BASIC ? null : "gpt-4.1-mini", usage: null, error: null, log: [], listeners: new Set() };
  answers.set(answer.id, answer);
  const emit = (event, data) => {
    answer.log.push([event, data]);
    for (const response of answer.listeners) response.write(`id: ${answer.log.length}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  answer.finish = (status, error = null) => {
    const item = media.get(chosen[0]);
    const duration = item?.duration ?? 0;
    const running = item?.job?.status === "running";
    Object.assign(answer, { status, error, coverage: { media: chosen.length, duration, transcribed: running ? duration * 0.33 : duration, complete: !running, passages: 12 } });
    emit("end", plain(answer));
    for (const response of listeners) response.end();
  };
  const words = ANSWER.join("").split(/(?<= )/);
  const timer = setInterval(() => {
    if (answer.status !== "running") return clearInterval(timer);
    if (question.includes("fail")) return answer.finish("failed", { code: "provider_error", message: "The language model did not reply in time. Ask again, or check AI__BASE_URL." });
    const text = words.shift();
    if (text === undefined) return answer.finish("completed");
    answer.text += text;
    emit("text", { text });
    const n = Number(/\[(\d)\]/.exec(text)?.[1] ?? 0);
    if (n > 0) {
      const quote = QUOTES[n - 1];
      const from = media.get(chosen[Math.min(ids ? 0 : n % 2, chosen.length - 1)]);
      const citation = { n, media_id: from.id, name: from.name, start: quote.at * 6.2, end: quote.at * 6.2 + 6, quote: quote.quote, segments: [quote.at], check: quote.check };
      answer.citations.push(citation);
      emit("citation", citation);
    }
  }, 60);
  return answer;
}

function searchHits(q, only) {
  const escape = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const items = [];
  for (const item of media.values()) {
    if (only && item.id !== only) continue;
    for (const segment of transcripts.get(item.id).segments.slice(0, 60)) {
      const at = segment.text.toLowerCase().indexOf(q.toLowerCase());
      if (at < 0) continue;
      const text = `${escape(segment.text.slice(0, at))}<mark>${escape(segment.text.slice(at, at + q.length))}</mark>${escape(segment.text.slice(at + q.length))}`;
      items.push({ media: item.id, name: item.name, start: segment.start, end: segment.end, text, score: 1, segments: [segment.n] });
    }
  }
  return { items: items.slice(0, 20), next: null };
}

function peaks(duration) {
  return { duration, peaks: Array.from({ length: 900 }, (_, at) => Math.abs(Math.sin(at * 0.31) * Math.sin(at * 0.047) * (0.55 + 0.45 * Math.sin(at * 1.7)))) };
}

function transcriptPage(id, url) {
  const { segments, language } = transcripts.get(id);
  const job = media.get(id).job;
  const from = Number(url.searchParams.get("cursor") ?? url.searchParams.get("since") ?? 0);
  const limit = Math.min(1000, Number(url.searchParams.get("limit") ?? 200));
  const page = segments.slice(from, from + limit);
  const next = from + limit < segments.length ? String(from + limit) : null;
  const status = job?.status === "completed" ? "complete" : segments.length > 0 ? "partial" : "none";
  return { segments: page, next, status, engine: BASIC ? "pocketsphinx" : "faster-whisper", model: BASIC ? "en-us" : "small", language, basic: BASIC, health: null };
}

const SYSTEM = {
  version: "0.1.0",
  engine: { name: BASIC ? "pocketsphinx" : "faster-whisper", model: BASIC ? "en-us" : "small", language: null, basic: BASIC, hint_code: BASIC ? "basic" : null, better: BASIC ? { STT__ENGINE: "faster-whisper", STT__MODEL: "small" } : null },
  provider: { name: BASIC ? "extractive" : "openai", model: BASIC ? null : "gpt-4.1-mini" },
  limits: { max_upload_bytes: 4e9 },
  formats: ["srt", "vtt", "txt", "md", "json"],
};

const ROUTES = [
  ["GET", /^\/api\/session$/, () => ({ body: { mode: "none", ready: true, kind: "local", user: null, permissions: ["ask", "operate", "read", "write"], media: [] } })],
  ["GET", /^\/api\/system$/, () => ({ body: SYSTEM })],
  ["GET", /^\/api\/media$/, (url) => {
    const items = [...media.values()].sort((a, b) => b.created_at.localeCompare(a.created_at));
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const limit = Number(url.searchParams.get("limit") ?? 30);
    return { body: { items: items.slice(from, from + limit), next: from + limit < items.length ? String(from + limit) : null } };
  }],
  ["POST", /^\/api\/media$/, (url, _, body) => {
    const name = url.searchParams.get("name") ?? "untitled";
    if (/\.txt$/.test(name)) return problem(415, "unsupported_media", `“${name}” is no recording: it holds neither video nor sound.`);
    const item = addMedia(name, { kind: /\.(mp3|wav|flac|m4a)$/.test(name) ? "audio" : "video", duration: null, status: "stored", size: body.length, job: { status: "queued", progress: 0, step: "queued" } });
    tell("media", { id: item.id, action: "created" }, null);
    runJob(item);
    return { status: 201, body: item };
  }],
  ["GET", /^\/api\/media\/([^/]+)$/, (_, [id]) => (media.has(id) ? { body: media.get(id) } : problem(404, "not_found", "There is no such recording."))],
  ["PATCH", /^\/api\/media\/([^/]+)$/, (_, [id], body) => ({ body: Object.assign(media.get(id), { name: JSON.parse(body).name }) })],
  ["DELETE", /^\/api\/media\/([^/]+)$/, (_, [id]) => {
    media.delete(id);
    tell("media", { id, action: "deleted" }, null);
    return { status: 204 };
  }],
  ["GET", /^\/api\/media\/([^/]+)\/transcript$/, (url, [id]) => (media.has(id) ? { body: transcriptPage(id, url) } : problem(404, "not_found", "There is no such recording."))],
  ["GET", /^\/api\/media\/([^/]+)\/waveform$/, (_, [id]) => (media.get(id)?.duration ? { body: peaks(media.get(id).duration) } : problem(404, "not_found", "Not decoded yet."))],
  ["POST", /^\/api\/jobs\/([^/]+)\/(cancel|retry|pause|resume)$/, (_, [id, action]) => {
    const item = [...media.values()].find((each) => each.job?.id === id);
    Object.assign(item.job, { status: { cancel: "cancelled", retry: "queued", pause: "paused", resume: "running" }[action], error: null });
    if (action === "retry") runJob(item);
    tell("job", item.job, id);
    return { body: item.job };
  }],
  ["GET", /^\/api\/search$/, (url) => ({ body: searchHits(url.searchParams.get("q") ?? "", url.searchParams.get("media")) })],
  ["POST", /^\/api\/answers$/, (_, __, body) => {
    const { question, media: ids, conversation } = JSON.parse(body);
    return { status: 202, body: plain(startAnswer(question, ids, conversation)) };
  }],
  ["POST", /^\/api\/answers\/([^/]+)\/cancel$/, (_, [id]) => {
    answers.get(id).finish("cancelled");
    return { body: plain(answers.get(id)) };
  }],
  ["GET", /^\/api\/conversations$/, (url) => ({ body: { items: titles(url.searchParams.get("media")).map(titleOf), next: null } })],
  ["GET", /^\/api\/conversations\/([^/]+)$/, (_, [id]) => {
    const found = [...answers.values()].filter((answer) => answer.conversation === id);
    return found[0] ? { body: { ...titleOf(found[0]), answers: found.map(plain) } } : problem(404, "not_found", "There is no such conversation.");
  }],
  ["DELETE", /^\/api\/conversations\/([^/]+)$/, (_, [id]) => {
    for (const answer of [...answers.values()]) if (answer.conversation === id) answers.delete(answer.id);
    return { status: 204 };
  }],
];

function openStream(request, response, url) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.write(": hello\n\n");
  const answer = answers.get(/^\/api\/answers\/([^/]+)\/events$/.exec(url.pathname)?.[1]);
  if (answer) {
    const seen = Number(request.headers["last-event-id"] ?? 0);
    answer.log.slice(seen).forEach(([event, data], at) => response.write(`id: ${seen + at + 1}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`));
    answer.listeners.add(response);
    request.on("close", () => answer.listeners.delete(response));
    return;
  }
  const stream = { response, about: /^\/api\/jobs\/([^/]+)\/events$/.exec(url.pathname)?.[1] ?? null };
  streams.add(stream);
  request.on("close", () => streams.delete(stream));
}

function sendFile(request, response, path, type) {
  const size = statSync(path).size;
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const from = range ? Number(range[1]) : 0;
  const to = range?.[2] ? Number(range[2]) : size - 1;
  response.writeHead(range ? 206 : 200, { "Content-Type": type, "Content-Length": to - from + 1, "Accept-Ranges": "bytes", "Content-Security-Policy": CSP, ...(range ? { "Content-Range": `bytes ${from}-${to}/${size}` } : {}) });
  createReadStream(path, { start: from, end: to }).pipe(response);
}

function silence(response) {
  const samples = 8000 * 124;
  const wav = Buffer.alloc(44 + samples, 128);
  wav.write("RIFF", 0); wav.writeUInt32LE(36 + samples, 4); wav.write("WAVEfmt ", 8); wav.writeUInt32LE(16, 16); wav.writeUInt16LE(1, 20); wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(8000, 24); wav.writeUInt32LE(8000, 28); wav.writeUInt16LE(1, 32); wav.writeUInt16LE(8, 34); wav.write("data", 36); wav.writeUInt32LE(samples, 40);
  response.writeHead(200, { "Content-Type": "audio/wav", "Content-Length": wav.length });
  response.end(wav);
}

function readBody(request) {
  return new Promise((resolve) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => resolve(Buffer.concat(chunks)));
  });
}

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, `http://127.0.0.1:${PORT}`);
  if (/\/events$/.test(url.pathname)) return openStream(request, response, url);
  if (/\/content$/.test(url.pathname)) return process.env.VIDEO ? sendFile(request, response, process.env.VIDEO, "video/mp4") : silence(response);
  for (const [method, pattern, handle] of ROUTES) {
    const match = method === request.method && pattern.exec(url.pathname);
    if (!match) continue;
    const { status = 200, body } = handle(url, match.slice(1), await readBody(request));
    response.writeHead(status, { "Content-Type": status >= 400 ? "application/problem+json" : "application/json" });
    return response.end(body === undefined ? "" : JSON.stringify(body));
  }
  if (url.pathname.startsWith("/api/")) {
    response.writeHead(404, { "Content-Type": "application/problem+json" });
    return response.end(JSON.stringify(problem(404, "not_found", "There is nothing at this address.").body));
  }
  const file = join(PAGE, url.pathname);
  const path = extname(file) && existsSync(file) ? file : join(PAGE, "index.html");
  if (!existsSync(path)) {
    response.writeHead(503);
    return response.end("Build the page first: npm run build");
  }
  sendFile(request, response, path, TYPES[extname(path)] ?? "application/octet-stream");
});
server.listen(PORT, "127.0.0.1", () => process.stdout.write(`mock service on http://127.0.0.1:${PORT}\n`));
