// The page of a server: reads its events and shows them. Whatever comes from outside is set as text, never as HTML.

const $ = (id) => document.getElementById(id);
const KEY = "chatmock-key";
const MOST = 200;
let state = { records: [], days: [], by_model: [], by_client: [], models: [], faults: [], live: [], running: 0 };

function el(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined && text !== null) made.textContent = String(text);
  return made;
}

function svg(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = String(text);
  return made;
}

const plain = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
// Four digits are as short as "1.2K", and exact.
const compact = { format: (number) => (number < 10000 ? plain : short).format(number) };
const dayName = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const when = new Intl.DateTimeFormat(undefined, { weekday: "long", hour: "2-digit", minute: "2-digit" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const moment = (seconds) => (seconds * 1000 - Date.now() < 6 * 86400e3 ? when : date).format(seconds * 1000);

function span(minutes) {
  if (minutes >= 10080 && minutes % 10080 === 0) return minutes === 10080 ? "Week" : `${minutes / 10080} weeks`;
  if (minutes >= 1440) return `${Math.round(minutes / 1440)} days`;
  return minutes >= 60 ? `${Math.round(minutes / 60)} hours` : `${minutes} minutes`;
}

function took(milliseconds) {
  return milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

// When a window is used up at the pace so far; null where it lasts until its reset.
function forecast(window, now) {
  if (!window.resets_at || window.resets_at <= now || window.used_percent <= 0) return null;
  const begin = window.resets_at - window.window_minutes * 60;
  const elapsed = now - begin;
  if (elapsed <= 0 || window.used_percent >= 100) return null;
  const end = begin + (elapsed * 100) / window.used_percent;
  return end < window.resets_at ? end : null;
}

function bar(name, window, now) {
  const box = el("div", "limit");
  const over = window.resets_at && window.resets_at <= now;
  const used = over ? 0 : window.used_percent;
  const head = el("div", "limit-head");
  head.append(el("strong", "", name), el("span", "", over ? "begun again" : `${Math.round(used * 10) / 10} % used`));
  const track = el("div", "bar");
  track.setAttribute("role", "meter");
  track.setAttribute("aria-label", `${name}: used share`);
  track.setAttribute("aria-valuemin", "0");
  track.setAttribute("aria-valuemax", "100");
  track.setAttribute("aria-valuenow", String(Math.min(100, used)));
  const fill = el("div", `fill${used >= 100 ? " full" : used >= 80 ? " near" : ""}`);
  fill.style.width = `${Math.max(0, Math.min(100, used))}%`;
  track.append(fill);
  if (window.resets_at && !over) {
    const gone = 1 - (window.resets_at - now) / (window.window_minutes * 60);
    const pace = el("div", "pace");
    pace.title = "how much of the window's time has passed";
    pace.style.left = `${Math.max(0, Math.min(1, gone)) * 100}%`;
    track.append(pace);
  }
  box.append(head, track);
  const end = forecast(window, now);
  let words = window.resets_at && !over ? `Begins again ${moment(window.resets_at)}.` : "";
  if (used >= 100) words = `Used up. ${words}`;
  else if (end) words = `At this pace it is used up on ${moment(end)}. ${words}`;
  else if (words) words = `At this pace it lasts. ${words}`;
  box.append(el("p", "quiet", words));
  return box;
}

function showLimits() {
  const now = Date.now() / 1000;
  const limits = state.limits;
  const bars = [];
  for (const window of [limits?.primary, limits?.secondary]) {
    if (window) bars.push(bar(span(window.window_minutes), window, now));
  }
  for (const more of limits?.further ?? []) {
    for (const window of [more.primary, more.secondary]) {
      if (window) bars.push(bar(`${more.name ?? more.id}, ${span(window.window_minutes).toLowerCase()}`, window, now));
    }
  }
  $("limit-bars").replaceChildren(...bars);
  const notes = [];
  if (!bars.length) notes.push(state.usage_page ? `This route reports no limits; see ${state.usage_page}.` : "No answer has reported limits yet.");
  if (limits?.reset_credits) notes.push(`Reset credits: ${limits.reset_credits} (chatmock-auth reset-credit).`);
  if (limits?.credits?.has_credits) notes.push(limits.credits.unlimited ? "Credits: unlimited." : `Credits: ${limits.credits.balance ?? "some"}.`);
  if (state.limits_as_of) notes.push(`As of ${date.format(state.limits_as_of * 1000)}.`);
  $("limits-note").textContent = notes.join(" ");
}

// The last days, also those on which nothing was asked: a week of them, or two where there is something to show.
function lastDays() {
  const known = new Map(state.days.map((day) => [day.name, day]));
  const name = (ago) => new Date(Date.now() - ago * 86400e3).toISOString().slice(0, 10);
  const count = state.days.some((day) => day.name <= name(7)) ? 14 : 7;
  const empty = { turns: 0, input_tokens: 0, cached_tokens: 0, output_tokens: 0 };
  return Array.from({ length: count }, (_, place) => name(count - 1 - place)).map((day) => known.get(day) ?? { name: day, ...empty });
}

function showDays() {
  const days = lastDays();
  const box = $("chart-days");
  const [width, height, low] = [Math.max(280, box.clientWidth), 190, 22];
  const most = Math.max(1, ...days.map((day) => day.input_tokens + day.output_tokens));
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
  picture.setAttribute("aria-label", `Tokens by day: ${days.map((day) => `${day.name} ${compact.format(day.input_tokens + day.output_tokens)}`).join(", ")}`);
  for (const part of [0.5, 1]) {
    const y = height - low - part * (height - low - 18);
    picture.append(svg("line", { x1: 44, x2: width, y1: y, y2: y, class: "r-line" }));
    picture.append(svg("text", { x: 38, y: y + 4, "text-anchor": "end" }, compact.format(Math.round(most * part))));
  }
  const step = (width - 52) / days.length;
  days.forEach((day, place) => {
    const x = 50 + place * step + step * 0.16;
    let y = height - low;
    const group = svg("g", {});
    group.append(svg("title", {}, `${day.name}: ${plain.format(day.input_tokens)} input (${plain.format(day.cached_tokens)} cached), ${plain.format(day.output_tokens)} output, ${plain.format(day.turns)} turns`));
    for (const [kind, count] of [["cached", day.cached_tokens], ["input", Math.max(0, day.input_tokens - day.cached_tokens)], ["output", day.output_tokens]]) {
      const tall = (count / most) * (height - low - 18);
      y -= tall;
      if (tall > 0) group.append(svg("rect", { x, y, width: step * 0.68, height: tall, rx: Math.min(3, tall / 2), class: `r-${kind}` }));
    }
    if (step > 46 || place % 2 === 1) group.append(svg("text", { x: x + step * 0.34, y: height - 6, "text-anchor": "middle" }, dayName.format(Date.parse(day.name))));
    picture.append(group);
  });
  box.replaceChildren(picture);
}

function showRows(id, rows) {
  const shown = rows.slice(0, 6);
  const box = $(id);
  if (!shown.length) { box.replaceChildren(el("p", "quiet", "Nothing yet.")); return; }
  const sum = (row) => row.input_tokens + row.output_tokens;
  const most = Math.max(1, ...shown.map(sum));
  const width = Math.max(220, box.clientWidth);
  // What is left of a line beside its figures, at the width of a wide letter.
  const fits = Math.max(8, Math.floor((width - 150) / 7));
  const picture = svg("svg", { viewBox: `0 0 ${width} ${shown.length * 40}`, role: "img", width: "100%" });
  picture.setAttribute("aria-label", shown.map((row) => `${row.name}: ${compact.format(sum(row))} tokens, ${row.turns} turns`).join(", "));
  shown.forEach((row, place) => {
    const y = place * 40;
    const name = row.name.length > fits ? `${row.name.slice(0, fits - 1)}…` : row.name;
    picture.append(svg("text", { x: 0, y: y + 13 }, name));
    picture.append(svg("text", { x: width, y: y + 13, "text-anchor": "end" }, `${compact.format(sum(row))} tokens · ${compact.format(row.turns)} ${row.turns === 1 ? "turn" : "turns"}`));
    picture.append(svg("rect", { x: 0, y: y + 19, width: Math.max(2, (sum(row) / most) * width), height: 8, rx: 4, class: "r-output" }));
  });
  box.replaceChildren(picture);
}

function showLive() {
  $("tile-running").textContent = plain.format(state.running);
  const hidden = state.running - state.live.length;
  $("live-note").textContent = state.running ? `${plain.format(state.running)} running${hidden > 0 ? `, the oldest ${state.live.length} are shown` : ""}.` : "Nothing runs.";
  const now = Date.now();
  $("live-list").replaceChildren(...state.live.map((turn) => {
    const item = el("li");
    item.append(el("strong", "", turn.model || "…"), el("span", "", turn.client), el("span", "quiet", turn.dialect));
    if (turn.key) item.append(el("span", "quiet", turn.key));
    item.append(el("span", "quiet", `${took(Math.max(0, now - turn.at))}, ${compact.format(turn.bytes)}B`));
    return item;
  }));
}

function remarks(turn) {
  const words = [];
  if (turn.outcome === "broken") words.push("broke off");
  if (turn.outcome === "left") words.push("client left");
  if (turn.code) words.push(turn.code);
  if (turn.retries) words.push(`${turn.retries} retried`);
  if (turn.effort) words.push(`effort ${turn.effort}`);
  if (turn.notices?.length) words.push(`notices: ${turn.notices.join(", ")}`);
  return words.join("; ");
}

function row(turn) {
  const line = el("tr");
  const bad = turn.status >= 400 && turn.status !== 499 || turn.outcome === "broken";
  const status = el("td", `status${bad ? " bad" : turn.outcome === "left" ? " left" : ""}`, turn.status);
  const cells = [el("td", "", clock.format(turn.at)), status, el("td", "", turn.model || turn.asked || "–"), el("td", "", turn.label ? `${turn.client} (${turn.label})` : turn.client), el("td", "", turn.dialect), el("td", "number", compact.format(turn.input_tokens + turn.output_tokens)), el("td", "number", took(turn.milliseconds)), el("td", "quiet", remarks(turn))];
  line.append(...cells);
  return line;
}

function showRecent() {
  $("recent-rows").replaceChildren(...state.records.slice(0, MOST).map(row));
  $("recent-note").textContent = state.records.length ? "" : "No turn yet.";
}

function showTiles() {
  const total = state.total ?? { turns: 0, input_tokens: 0, output_tokens: 0, cached_tokens: 0 };
  $("tile-turns").textContent = compact.format(total.turns);
  $("tile-tokens").textContent = compact.format(total.input_tokens + total.output_tokens);
  $("tile-cached").textContent = total.input_tokens ? `${Math.round((total.cached_tokens / total.input_tokens) * 100)} %` : "–";
}

function showHealth() {
  const faults = state.faults.map((fault) => {
    const box = el("div", `fault ${fault.severity === "failing" ? "failing" : "warning"}`);
    box.append(el("strong", "", fault.message), el("p", "quiet", `${fault.code}, since ${date.format(fault.since * 1000)}`), el("code", "", fault.fix));
    return box;
  });
  $("faults").replaceChildren(...(faults.length ? faults : [el("p", "well", "All is well.")]));
  $("models").replaceChildren(...state.models.map((model) => el("li", "", model)));
  const chosen = $("model").value;
  $("model").replaceChildren(...state.models.map((model) => { const one = el("option", "", model); one.value = model; return one; }));
  if (state.models.includes(chosen)) $("model").value = chosen;
}

function showHead() {
  $("version").textContent = state.version ?? "";
  const who = state.account?.email ?? (state.account ? "signed in" : state.needs_account ? "not signed in" : "a key of the backend");
  const plan = state.account?.plan ? `, plan ${state.account.plan}` : "";
  const until = state.account?.until ? `, token until ${date.format(state.account.until * 1000)}, then renewed` : "";
  $("account").textContent = `${who}${plan}, route ${state.route}${until}`;
}

// Servers that share a sign-in; one alone has nothing to show here.
function showServers() {
  const servers = state.servers ?? [];
  $("by-server").hidden = !servers.length;
  if (!servers.length) return;
  showRows("chart-servers", servers.map((server) => (server.here ? { ...server, name: `${server.name} (this one)` } : server)));
  const gone = servers.filter((server) => !server.here && Date.now() / 1000 - server.as_of > 60);
  $("servers-note").textContent = `All figures of usage are those of ${servers.length} servers.${gone.map((server) => ` ${server.name} was last heard of ${date.format(server.as_of * 1000)}.`).join("")}`;
}

function showAll() {
  for (const show of [showHead, showTiles, showLimits, showDays, showLive, showRecent, showHealth, showSnippet]) show();
  showRows("chart-models", state.by_model);
  showRows("chart-clients", state.by_client);
  showServers();
}

const take = {
  state(data) { state = data; showAll(); },
  live(data) {
    state.running = data.running;
    state.live = data.live;
    showLive();
    if (data.records.length) {
      state.records = [...data.records.reverse(), ...state.records].slice(0, MOST);
      showRecent();
    }
  },
};

function link(words, className) {
  $("link").textContent = words;
  $("link").className = `pill ${className}`;
}

function headers(more) {
  const key = sessionStorage.getItem(KEY);
  return key ? { ...more, authorization: `Bearer ${key}` } : more;
}

function event(text) {
  let [name, data] = ["message", ""];
  for (const line of text.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    if (line.startsWith("data: ")) data += line.slice(6);
  }
  if (data && take[name]) take[name](JSON.parse(data));
}

// Reads a stream of events to its end; each event goes to `use`.
async function read(reply, use) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    held += value;
    for (let end = held.indexOf("\n\n"); end >= 0; end = held.indexOf("\n\n")) {
      use(held.slice(0, end));
      held = held.slice(end + 2);
    }
  }
}

function askKey(words) {
  link("key needed", "off");
  $("key-fault").textContent = words;
  if (!$("key-dialog").open) $("key-dialog").showModal();
  $("key").focus();
}

async function follow() {
  for (let pause = 500; ; pause = Math.min(pause * 2, 15000)) {
    try {
      const reply = await fetch("/ui/events", { headers: headers({}), cache: "no-store" });
      if (reply.status === 429) {
        askKey("Too many wrong keys came at once. Wait a moment, then try again.");
        return;
      }
      if (reply.status === 401) {
        const had = sessionStorage.getItem(KEY);
        sessionStorage.removeItem(KEY);
        askKey(had ? "That key is not one of this server's keys." : "");
        return;
      }
      if (reply.ok) {
        link("live", "on");
        pause = 500;
        await read(reply, event);
      }
    } catch { /* The server is gone for a while. */ }
    link("not connected", "off");
    await new Promise((done) => setTimeout(done, pause));
  }
}

function useKey() {
  const key = $("key").value.trim();
  if (!key) return;
  sessionStorage.setItem(KEY, key);
  $("key").value = "";
  $("key-dialog").close();
  follow();
}

// What to paste, by client; the address and a model are put in.
const clients = {
  "OpenAI SDK (Python)": (base, key, model) => `from openai import OpenAI\n\nclient = OpenAI(base_url="${base}/v1", api_key="${key}")\nanswer = client.chat.completions.create(\n    model="${model}",\n    messages=[{"role": "user", "content": "Hello"}],\n)\nprint(answer.choices[0].message.content)`,
  "OpenAI SDK (JavaScript)": (base, key, model) => `import OpenAI from "openai";\n\nconst client = new OpenAI({ baseURL: "${base}/v1", apiKey: "${key}" });\nconst answer = await client.chat.completions.create({\n  model: "${model}",\n  messages: [{ role: "user", content: "Hello" }],\n});\nconsole.log(answer.choices[0].message.content);`,
  "Claude Code": (base, key, model) => `export ANTHROPIC_BASE_URL="${base}"\nexport ANTHROPIC_AUTH_TOKEN="${key}"\nexport ANTHROPIC_MODEL="${model}"\nclaude`,
  "Codex CLI": (base, key, model) => `# ~/.codex/config.toml\nmodel = "${model}"\nmodel_provider = "chatmock"\n\n[model_providers.chatmock]\nname = "ChatMock"\nbase_url = "${base}/v1"\nwire_api = "responses"\nenv_key = "CHATMOCK_KEY"   # export CHATMOCK_KEY="${key}"`,
  "Ollama clients": (base) => `export OLLAMA_HOST="${base}"`,
  "Open WebUI": (base, key) => `OPENAI_API_BASE_URL="${base}/v1"\nOPENAI_API_KEY="${key}"`,
  "Any program for OpenAI's API": (base, key) => `export OPENAI_BASE_URL="${base}/v1"\nexport OPENAI_API_KEY="${key}"`,
  curl: (base, key, model) => `curl ${base}/v1/chat/completions \\\n  -H "authorization: Bearer ${key}" -H "content-type: application/json" \\\n  -d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello"}]}'`,
};

function showSnippet() {
  const make = clients[$("client").value] ?? Object.values(clients)[0];
  $("snippet").textContent = make(location.origin, state.keyed ? "YOUR-KEY" : "any", state.models[0] ?? "MODEL");
}

const talk = [];

async function send() {
  const text = $("message").value.trim();
  if (!text) return;
  $("message").value = "";
  $("send").disabled = true;
  talk.push({ role: "user", content: text });
  $("chat").append(el("div", "said mine", text));
  const answer = el("div", "said", "…");
  $("chat").append(answer);
  try {
    const body = JSON.stringify({ model: $("model").value, messages: talk.slice(-20), stream: true });
    const reply = await fetch("/v1/chat/completions", { method: "POST", headers: headers({ "content-type": "application/json" }), body });
    if (!reply.ok) throw new Error((await reply.json()).error?.message ?? `status ${reply.status}`);
    let said = "";
    await read(reply, (text) => {
      const data = text.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("");
      if (!data || data === "[DONE]") return;
      const piece = JSON.parse(data);
      if (piece.error) throw new Error(piece.error.message);
      said += piece.choices?.[0]?.delta?.content ?? "";
      answer.textContent = said || "…";
    });
    talk.push({ role: "assistant", content: said });
  } catch (fault) {
    talk.pop();
    answer.className = "said wrong";
    answer.textContent = fault.message;
  }
  $("send").disabled = false;
  $("message").focus();
}

addEventListener("resize", () => { showDays(); showRows("chart-models", state.by_model); showRows("chart-clients", state.by_client); });
$("client").replaceChildren(...Object.keys(clients).map((name) => el("option", "", name)));
$("client").addEventListener("change", showSnippet);
$("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText($("snippet").textContent);
    $("copied").textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren($("snippet"));
    $("copied").textContent = "Selected; press Ctrl+C.";
  }
});
$("send").addEventListener("click", send);
$("message").addEventListener("keydown", (pressed) => {
  if (pressed.key === "Enter" && !pressed.shiftKey) { pressed.preventDefault(); send(); }
});
$("key-ok").addEventListener("click", useKey);
$("key").addEventListener("keydown", (pressed) => { if (pressed.key === "Enter") useKey(); });
$("key-dialog").addEventListener("cancel", (pressed) => pressed.preventDefault());
showSnippet();
follow();
