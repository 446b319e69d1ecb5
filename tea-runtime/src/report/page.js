"use strict";
// All text goes into the page by `textContent`, since a run's names, labels and output may contain anything.
const data = JSON.parse(document.getElementById("data").textContent);
const get = id => document.getElementById(id);
const make = (tag, text, cls) => Object.assign(document.createElement(tag), { textContent: text ?? "", className: cls ?? "" });
const svgMake = (tag, attributes, text) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
};
const count = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
const size = bytes => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < 4) { bytes /= 1024; unit += 1; }
  return `${unit && bytes < 100 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
};
const time = micros => {
  if (micros === 0) return "0";
  if (micros < 1000) return `${Math.round(micros)} µs`;
  if (micros < 1e6) return `${(micros / 1e3).toFixed(micros < 1e5 ? 1 : 0)} ms`;
  if (micros < 6e7) return `${(micros / 1e6).toFixed(micros < 1e7 ? 2 : 1)} s`;
  const seconds = Math.round(micros / 1e6), hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
  return hours ? `${hours} h ${String(minutes).padStart(2, "0")} min` : `${minutes} min ${String(seconds % 60).padStart(2, "0")} s`;
};
const dark = matchMedia("(prefers-color-scheme: dark)");
const color = name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// The head.
const states = { succeeded: "succeeded", failed: "failed", cancelled: "cancelled", stopped: "stopped as asked", waiting: "waits for an answer", unfinished: "did not end" };
get("state").textContent = states[data.state];
get("state").className = data.state;
get("when").textContent = [`Started ${data.began.replace("T", " ").replace("Z", " UTC")}`, data.elapsed === null ? null : `took ${time(data.elapsed)}`, data.host ? `on ${data.host}` : null, data.elapsed === null ? "told from its records, which do not say when something ran" : null].filter(Boolean).join(", ");
if (data.message) { get("message").hidden = false; get("message").textContent = data.message; }
function card(value, name, cls) {
  const element = make("div", "", `card ${cls ?? ""}`);
  element.append(make("b", value), make("span", name));
  get("cost").append(element);
}
if (data.elapsed !== null) card(time(data.elapsed), "in all");
if (data.cpu !== null) card(time(data.cpu), "processor time");
if (data.peak_memory !== null) card(size(data.peak_memory), "peak memory");
if (data.attempts) card(data.attempts.toLocaleString("en"), "attempts");
if (data.workers_started) card(data.workers_started.toLocaleString("en"), "workers started");
if (data.bytes_sent) card(size(data.bytes_sent), "sent to workers");
if (data.bytes_received) card(size(data.bytes_received), "received from workers");
if (data.retries) card(data.retries.toLocaleString("en"), data.retries === 1 ? "retry" : "retries", "warn");
if (data.workers_lost) card(data.workers_lost.toLocaleString("en"), data.workers_lost === 1 ? "worker lost" : "workers lost", "bad");
if (data.failures_in_all) card(data.failures_in_all.toLocaleString("en"), data.failures_in_all === 1 ? "failure" : "failures", "bad");

// What somebody has to answer.
for (const question of data.questions) {
  const text = make("p", `${question.text}`), expected = make("p", `Expected: ${question.expected}`, "note");
  const element = make("div", "", "question");
  element.append(make("b", question.name), text, expected);
  get("question-list").append(element);
}
get("questions").hidden = data.questions.length === 0;

// What is known of the run.
function fact(list, term, text, code) {
  if (text === null || text === undefined || text === "") return;
  const value = make("dd");
  value.append(code ? make("code", text) : text);
  list.append(make("dt", term), value);
}
const facts = get("facts");
fact(facts, "Description", data.description);
fact(facts, "Workflow file", data.file, true);
fact(facts, "Package", [data.package, data.version].filter(Boolean).join(" "));
fact(facts, "Program", data.program, true);
fact(facts, "Tea", data.tea);
fact(facts, "Run", data.run, true);
fact(facts, "Command", data.command, true);
for (const input of data.inputs) fact(facts, `Input ${input.name}`, input.value === null ? input.note ?? "not given" : input.value + (input.note ? ` (${input.note})` : ""), input.value !== null);

// Failures, in the order of their names.
data.failures.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
function failure(failed) {
  const element = make("details", "", "failure"), summary = make("summary"), list = make("dl");
  summary.append(make("span", failed.kind, "kind"), " ", make("b", failed.name + (failed.label ? ` (${failed.label})` : "")), `: ${failed.message}`);
  fact(list, "Place", failed.place && `${failed.file ?? data.file}:${failed.place.line}:${failed.place.column}${failed.node ? `, node ${failed.node}` : ""}`, true);
  failed.causes.forEach(cause => fact(list, "Caused by", cause));
  fact(list, "Panicked at", failed.panicked_at, true);
  fact(list, "Worker ended", failed.exit);
  fact(list, "Attempts", failed.attempts > 1 ? failed.attempts : null);
  failed.earlier.forEach((earlier, index) => fact(list, `Attempt ${failed.attempts - failed.earlier.length + index}`, earlier));
  fact(list, failed.attempts > 1 ? "From first to last" : "Ran for", failed.elapsed === null ? null : time(failed.elapsed) + (failed.cpu === null ? "" : `, ${time(failed.cpu)} of processor time`) + (failed.memory === null ? "" : `, up to ${size(failed.memory)}`));
  fact(list, "Process", failed.pid && failed.pid + (failed.host ? ` on ${failed.host}` : ""));
  element.append(summary, list);
  if (failed.output.length) {
    const value = make("dd");
    value.append(make("pre", failed.output.join("\n")));
    list.append(make("dt", "Last output"), value);
  }
  return element;
}
function showFailures(most) {
  get("failure-list").replaceChildren(...data.failures.slice(0, most).map(failure));
  get("more-failures").hidden = data.failures.length <= most;
}
if (data.failures.length) {
  get("failures").hidden = false;
  if (data.failures_in_all > data.failures.length) get("failures-note").textContent = `The first ${data.failures.length.toLocaleString("en")} of ${data.failures_in_all.toLocaleString("en")}.`;
  showFailures(20);
  get("more-failures").addEventListener("click", () => showFailures(Infinity));
}
if (data.warnings.length) {
  get("warnings").hidden = false;
  get("warning-list").append(...data.warnings.map(warning => make("li", warning)));
}

// The table.
const columns = [
  ["Name", row => row.name, row => row.name, "text name"], ["Kind", row => row.kind, row => row.kind, "text dim"],
  ["Done", row => row.done, row => row.done.toLocaleString("en")],
  ["Failed", row => row.failed, row => row.failed ? row.failed.toLocaleString("en") : "", row => row.failed ? "bad" : ""],
  ["Retries", row => row.retries, row => row.retries ? row.retries.toLocaleString("en") : ""],
  ["Not run", row => row.unfinished + row.skipped + row.restored + row.cached, row => [[row.unfinished, "not done"], [row.skipped, "skipped"], [row.restored, "restored"], [row.cached, "from the cache"]].filter(([number]) => number).map(([number, what]) => `${number.toLocaleString("en")} ${what}`).join(", "), "dim"],
  ["Median", row => row.time?.quartiles[1] ?? -1, row => row.time ? time(row.time.quartiles[1]) : ""], ["Longest", row => row.time?.most ?? -1, row => row.time ? time(row.time.most) : ""],
  ["Time in all", row => row.time?.sum ?? -1, row => row.time ? time(row.time.sum) : ""], ["Processor time", row => row.cpu?.sum ?? -1, row => row.cpu ? time(row.cpu.sum) : ""],
  ["Peak memory", row => row.memory?.most ?? -1, row => row.memory ? size(row.memory.most) : ""], ["Place", row => row.place ?? "", row => row.place ?? "", "text dim"],
];
const sorting = { column: null, up: false };
const rowElements = data.rows.map((row, index) => {
  const element = make("tr");
  element.dataset.row = index;
  for (const [, , text, cls] of columns) element.append(make("td", text(row), typeof cls === "function" ? cls(row) : cls));
  element.addEventListener("click", () => choose(index, false));
  return element;
});
function showRows() {
  const wanted = get("find").value.trim().toLowerCase(), order = data.rows.map((_, index) => index);
  if (sorting.column !== null) {
    const key = columns[sorting.column][1];
    order.sort((a, b) => {
      const [first, second] = [key(data.rows[a]), key(data.rows[b])];
      const difference = typeof first === "string" ? first.localeCompare(second) : first - second;
      return sorting.up ? difference : -difference;
    });
  }
  get("rows").replaceChildren(...order.filter(index => data.rows[index].name.toLowerCase().includes(wanted)).map(index => rowElements[index]));
}
columns.forEach(([name, , , cls], index) => {
  const head = make("th", "", typeof cls === "string" && cls.startsWith("text") ? "text" : ""), button = make("button", name);
  button.type = "button";
  button.addEventListener("click", () => {
    sorting.up = sorting.column === index ? !sorting.up : head.className === "text";
    sorting.column = index;
    [...get("columns").children].forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sorting.up ? "ascending" : "descending");
    showRows();
  });
  head.append(button);
  get("columns").append(head);
});
get("find").addEventListener("input", showRows);
showRows();

// The graph.
const picture = get("picture"), svg = picture.querySelector("svg"), nodes = [...svg.querySelectorAll(".node")];
const rowsOf = new Map();
data.rows.forEach((row, index) => { if (row.node !== null) rowsOf.set(row.node, [...rowsOf.get(row.node) ?? [], index]); });
const rowOf = node => {
  const rows = rowsOf.get(node) ?? [];
  return rows.find(index => data.rows[index].kind === "map") ?? rows.find(index => data.rows[index].kind === "node") ?? rows[0];
};
function choose(index, scroll) {
  rowElements.forEach((element, at) => element.classList.toggle("chosen", at === index));
  nodes.forEach(node => node.classList.toggle("chosen", data.rows[index]?.node === node.dataset.node));
  if (scroll) rowElements[index]?.scrollIntoView({ block: "center" });
}
function became(rows) {
  const sum = key => rows.reduce((all, index) => all + data.rows[index][key], 0);
  const failed = sum("failed"), done = sum("done");
  return failed ? (done ? "part" : "bad") : sum("unfinished") ? "part" : done ? "ok" : "none";
}
function colorNodes() {
  const byTime = get("colors").value === "time", inAll = node => Math.max(0, ...(rowsOf.get(node) ?? []).map(index => data.rows[index].time?.sum ?? 0));
  const most = Math.max(1, ...nodes.map(node => inAll(node.dataset.node)));
  for (const node of nodes) {
    node.classList.remove("ok", "part", "bad", "none");
    const share = inAll(node.dataset.node) / most;
    for (const rect of node.querySelectorAll("rect")) rect.style.fill = byTime ? `color-mix(in srgb, ${color("warn")} ${Math.round(share * 75)}%, ${color("card")})` : "";
    if (!byTime) node.classList.add(became(rowsOf.get(node.dataset.node) ?? []));
  }
  get("graph-legend").textContent = byTime ? "the darker, the more time all its runs took" : "green: done, yellow: some failed or not done, red: failed, gray: did not run";
}
nodes.forEach(node => node.addEventListener("click", () => { if (!moved) choose(rowOf(node.dataset.node), true); }));
get("colors").addEventListener("change", colorNodes);
picture.style.height = `min(70vh, ${Math.round(Math.max(160, Math.min(440, svg.viewBox.baseVal.height + 20)))}px)`;
const whole = { x: svg.viewBox.baseVal.x, y: svg.viewBox.baseVal.y, w: svg.viewBox.baseVal.width, h: svg.viewBox.baseVal.height };
let view = { ...whole }, drag = null, moved = false;
const showGraph = () => svg.setAttribute("viewBox", [view.x, view.y, view.w, view.h].join(" "));
function zoomGraph(factor, x, y) {
  view = { x: x - (x - view.x) * factor, y: y - (y - view.y) * factor, w: view.w * factor, h: view.h * factor };
  showGraph();
}
picture.addEventListener("wheel", event => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  zoomGraph(Math.exp(event.deltaY / 300), point.x, point.y);
}, { passive: false });
picture.addEventListener("pointerdown", event => { drag = event; moved = false; });
addEventListener("pointerup", () => { drag = null; });
addEventListener("pointermove", event => {
  if (!drag) return;
  const scale = Math.max(view.w / picture.clientWidth, view.h / picture.clientHeight);
  moved ||= Math.hypot(event.clientX - drag.clientX, event.clientY - drag.clientY) > 3;
  view.x -= (event.clientX - drag.clientX) * scale; view.y -= (event.clientY - drag.clientY) * scale;
  drag = event; showGraph();
});

// The timeline. Bars are [lane, row, start, length, busy, count, failed, again, process, name].
const canvas = get("canvas"), context = canvas.getContext("2d"), AXIS = 22;
const palette = ["#0969da", "#8250df", "#1b7c83", "#bf3989", "#57606a", "#2da44e", "#6639ba", "#0550ae"];
const hosts = [...new Set(data.lanes.map(lane => lane.host))];
const kinds = { trunk: "main", thread: "thread", worker: "worker" };
const order = data.lanes.map((_, index) => index).sort((a, b) => hosts.indexOf(data.lanes[a].host) - hosts.indexOf(data.lanes[b].host) || a - b);
const seen = {}, all = order.map(index => {
  const lane = data.lanes[index], key = `${lane.host}/${lane.kind}`;
  seen[key] = (seen[key] ?? 0) + 1;
  return { index, label: (lane.host ? `${lane.host} ` : "") + kinds[lane.kind] + (lane.kind === "trunk" ? "" : ` ${seen[key]}`), bars: [] };
});
const byLane = new Map(all.map(lane => [lane.index, lane]));
for (const bar of data.bars) byLane.get(bar[0]).bars.push(bar);
const used = new Set([...data.bars.map(bar => bar[0]), ...data.marks.map(mark => mark.lane)]);
const lanes = all.filter(lane => used.has(lane.index));
const at = new Map(lanes.map((lane, position) => [lane.index, position]));
for (const lane of lanes) lane.bars.sort((a, b) => a[2] - b[2]);
const end = Math.max(data.elapsed ?? 0, ...lanes.map(lane => lane.bars.reduce((most, bar) => Math.max(most, bar[2] + bar[3]), 0)), 1);
let span = { from: 0, to: end }, wanted = false;
const laneHeight = lanes.length > 40 ? 10 : 18;
const labelWidth = () => Math.min(150, Math.max(64, canvas.clientWidth * 0.16));
const toX = micros => labelWidth() + (micros - span.from) / (span.to - span.from) * (canvas.clientWidth - labelWidth());
const toTime = x => span.from + (x - labelWidth()) / (canvas.clientWidth - labelWidth()) * (span.to - span.from);
function firstVisible(bars) {
  let [low, high] = [0, bars.length];
  while (low < high) { const middle = (low + high) >> 1; if (bars[middle][2] + bars[middle][3] < span.from) low = middle + 1; else high = middle; }
  return low;
}
function drawTimeline() {
  wanted = false;
  const width = canvas.clientWidth, height = AXIS + lanes.length * laneHeight + 4, scale = devicePixelRatio || 1, left = labelWidth();
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.style.height = `${height}px`;
    [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
  }
  const [ink, dim, line, bad, warn] = ["ink", "dim", "line", "bad", "warn"].map(color);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "11px ui-sans-serif, system-ui, sans-serif";
  context.textBaseline = "middle";
  const wide = (span.to - span.from) / Math.max(2, (width - left) / 90), power = 10 ** Math.floor(Math.log10(wide)), step = [1, 2, 5, 10].map(times => times * power).find(step => step >= wide);
  for (let tick = Math.ceil(span.from / step) * step; tick <= span.to; tick += step) {
    const x = toX(tick);
    context.fillStyle = line; context.fillRect(x, AXIS - 4, 1, height);
    context.fillStyle = dim; if (x + 50 < width) context.fillText(time(tick), x + 3, AXIS / 2);
  }
  lanes.forEach((lane, position) => {
    const y = AXIS + position * laneHeight;
    context.save();
    context.beginPath(); context.rect(left, 0, width - left, height); context.clip();
    let last = -1;
    // What failed or was tried again is drawn over the rest.
    for (const special of [false, true]) {
      for (let index = firstVisible(lane.bars); index < lane.bars.length; index += 1) {
        const [, row, start, length, busy, , failed, again] = lane.bars[index];
        if (start > span.to) break;
        if (special !== failed + again > 0) continue;
        const x = toX(start), w = Math.max(1, toX(start + length) - x);
        if (!special && w <= 1 && Math.floor(x) === last) continue;
        last = Math.floor(x);
        context.globalAlpha = special || length === 0 ? 1 : 0.35 + 0.65 * Math.min(1, busy / length);
        context.fillStyle = row === null ? dim : palette[row % palette.length];
        if (again) context.fillStyle = warn;
        if (failed) context.fillStyle = bad;
        context.fillRect(x, y + 2, w > 3 ? w - 0.5 : w, laneHeight - 4);
      }
    }
    context.restore();
    context.globalAlpha = 1;
    if (laneHeight > 12 || position % 2 === 0) {
      context.fillStyle = ink;
      let label = lane.label;
      if (context.measureText(label).width > left - 10) label = label.replace("worker ", "w").replace("thread ", "t");
      while (label.length > 4 && context.measureText(label).width > left - 10) label = `${label.slice(0, -2)}…`;
      context.fillText(label, 4, y + laneHeight / 2);
    }
  });
  context.fillStyle = bad;
  context.strokeStyle = color("ground");
  context.lineWidth = 3;
  context.font = "bold 13px ui-sans-serif, system-ui, sans-serif";
  for (const mark of data.marks) {
    const x = toX(mark.at);
    if (x < left || x > width) continue;
    const y = AXIS + at.get(mark.lane) * laneHeight + laneHeight / 2;
    context.strokeText("✕", x - 5, y);
    context.fillText("✕", x - 5, y);
  }
}
function drawSoon() { if (!wanted) { wanted = true; requestAnimationFrame(drawTimeline); } }
function look(from, to) {
  const length = Math.min(end, Math.max(to - from, 10)), first = Math.min(Math.max(0, from), end - length);
  span = { from: first, to: first + length };
  drawSoon();
}
function zoomTimeline(factor, around) { look(around - (around - span.from) * factor, around + (span.to - around) * factor); }
function barAt(event) {
  const box = canvas.getBoundingClientRect(), lane = lanes[Math.floor((event.clientY - box.top - AXIS) / laneHeight)];
  if (!lane) return null;
  const micros = toTime(event.clientX - box.left), slack = (span.to - span.from) / canvas.clientWidth * 2;
  const mark = data.marks.find(mark => mark.lane === lane.index && Math.abs(mark.at - micros) <= slack * 3);
  const hits = lane.bars.filter(bar => bar[2] - slack <= micros && micros <= bar[2] + bar[3] + slack);
  return { lane, mark, bar: hits.find(bar => bar[6]) ?? hits.at(-1) };
}
function tell(found) {
  if (!found || !found.bar && !found.mark) return;
  const words = [found.lane.label];
  if (found.bar) {
    const [, row, start, length, busy, number, failed, again, pid, name] = found.bar;
    words.push(name ?? (row === null ? "several nodes" : data.rows[row].name) + `: ${count(number, "attempt", "attempts")}`);
    words.push(`${time(length)} from ${time(start)} on` + (name ? "" : `, busy for ${time(busy)}`));
    if (failed) words.push(name ? "failed" : `${failed} failed`);
    if (again) words.push(name ? "not the first attempt" : `${again} tried again`);
    if (pid) words.push(`process ${pid}`);
  }
  if (found.mark) words.push(found.mark.text);
  get("under").textContent = words.join(" · ");
}
let pan = null, panned = false;
canvas.addEventListener("pointerdown", event => { pan = event; panned = false; });
canvas.addEventListener("pointermove", event => {
  if (!pan) return tell(barAt(event));
  const by = (event.clientX - pan.clientX) / (canvas.clientWidth - labelWidth()) * (span.to - span.from);
  panned ||= Math.abs(event.clientX - pan.clientX) > 3;
  pan = event;
  look(span.from - by, span.to - by);
});
addEventListener("pointerup", () => { pan = null; });
canvas.addEventListener("click", event => {
  const found = panned ? null : barAt(event);
  tell(found);
  if (found?.bar && found.bar[1] !== null) choose(found.bar[1], true);
});
canvas.addEventListener("wheel", event => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  zoomTimeline(Math.exp(event.deltaY / 300), toTime(event.clientX - canvas.getBoundingClientRect().left));
}, { passive: false });
canvas.addEventListener("keydown", event => {
  const middle = (span.from + span.to) / 2, tenth = (span.to - span.from) / 10;
  const does = { "+": () => zoomTimeline(0.5, middle), "-": () => zoomTimeline(2, middle), ArrowLeft: () => look(span.from - tenth, span.to - tenth), ArrowRight: () => look(span.from + tenth, span.to + tenth) };
  if (does[event.key]) { event.preventDefault(); does[event.key](); }
});
document.querySelectorAll("[data-zoom]").forEach(button => button.addEventListener("click", () => {
  const factor = { in: 0.5, out: 2 }[button.value];
  if (button.dataset.zoom === "timeline") { if (factor) zoomTimeline(factor, (span.from + span.to) / 2); else look(0, end); }
  else if (factor) zoomGraph(factor, view.x + view.w / 2, view.y + view.h / 2); else { view = { ...whole }; showGraph(); }
}));
if (!data.bars.length) get("timeline").hidden = true;
new ResizeObserver(drawSoon).observe(canvas);
dark.addEventListener("change", () => { colorNodes(); drawSoon(); });
colorNodes();

// How long attempts and items took.
function spread(row) {
  const { least, most, quartiles: [low, median, high], classes } = row.time, element = make("div", "", "spread"), W = 1000;
  const log = value => Math.log10(Math.max(1, value)), width = Math.max(0.3, log(most) - log(least)), x = value => 8 + (log(value) - log(least)) / width * (W - 16);
  const chart = svgMake("svg", { viewBox: `0 0 ${W} 54`, preserveAspectRatio: "none", role: "img", "aria-label": `${row.name}: median ${time(median)}, longest ${time(most)}` });
  const highest = Math.max(...classes.map(([, number]) => number));
  classes.forEach(([from, number], index) => {
    const to = classes[index + 1]?.[0] ?? most, left = Math.max(8, x(from));
    chart.append(svgMake("rect", { class: "class", x: left, y: 34 - 30 * number / highest, width: Math.max(2, Math.min(x(Math.min(to, from * 1.125 + 1)), W - 8) - left), height: 30 * number / highest }));
  });
  chart.append(svgMake("line", { class: "line", x1: x(least), x2: x(most), y1: 44, y2: 44, "vector-effect": "non-scaling-stroke" }), svgMake("rect", { class: "box", x: x(low), y: 38, width: Math.max(2, x(high) - x(low)), height: 12, "vector-effect": "non-scaling-stroke" }), svgMake("line", { class: "line", x1: x(median), x2: x(median), y1: 36, y2: 52, "stroke-width": 2, "vector-effect": "non-scaling-stroke" }));
  const about = make("div");
  about.append(make("b", row.name), make("div", `${time(least)} – ${time(most)}, median ${time(median)}`, "note"));
  element.append(about, chart);
  return element;
}
const spreads = data.rows.filter(row => row.time && row.time.count >= 5 && row.kind !== "node");
if (spreads.length) {
  get("spreads").hidden = false;
  get("spread-list").append(...spreads.slice(0, 50).map(spread));
}
