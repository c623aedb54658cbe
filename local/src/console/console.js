import { by, element } from "/dom.js";

const KEPT = 200;

async function load(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

async function put(path, body) {
  const response = await fetch(path, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
}

function warn(error) {
  by("warning").textContent = error.message;
  by("warning").hidden = false;
}

const clock = (at) => new Date(at).toLocaleTimeString([], { hour12: false });

const milliseconds = (value) =>
  value >= 100 ? `${Math.round(value)} ms` : `${value.toFixed(value >= 10 ? 0 : 1)} ms`;

// Timeline

const kinds = {
  "": () => true,
  triggers: (invocation) => /^[A-Z][A-Za-z]+_/.test(invocation.source ?? ""),
  http: (invocation) => /^[A-Z]+ \//.test(invocation.source ?? ""),
  failed: (invocation) => invocation.error != null,
};

function badges(invocation) {
  const list = element("span", { className: "badges" });
  const badge = (className, text) =>
    list.append(element("span", { className: `badge ${className}`, textContent: text }), " ");
  if (invocation.error) badge("bad", invocation.error);
  if (invocation.attempt > 1) badge("plain", `attempt ${invocation.attempt}`);
  if (invocation.initMs != null) badge("cold", `cold, ${milliseconds(invocation.initMs)}`);
  return list;
}

// A narrow screen breaks PostAuthentication_Authentication where a reader would.
const breakable = (text) =>
  text.split(/(?<=_)/).flatMap((part, index) => (index > 0 ? [document.createElement("wbr"), part] : [part]));

function invocationRow(invocation) {
  const details = element("div", { className: "details", hidden: true, id: `details-${invocation.number}` });
  const button = element(
    "button",
    { className: "invocation", type: "button" },
    element("time", { dateTime: invocation.began, textContent: clock(invocation.began) }),
    element("span", { className: "source" }, ...breakable(invocation.source ?? "invoked directly")),
    element("span", { className: "took", textContent: milliseconds(invocation.durationMs) }),
    element("span", { className: "function", textContent: invocation.function }),
    badges(invocation),
  );
  button.setAttribute("aria-expanded", "false");
  button.setAttribute("aria-controls", details.id);
  button.addEventListener("click", async () => {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    details.hidden = open;
    if (open || details.childElementCount > 0) return;
    try {
      const full = await load(`/api/invocations/${invocation.number}`);
      for (const [name, value] of [["Request", full.request], ["Response", full.response]]) {
        details.append(
          element("h3", { textContent: name }),
          element("pre", { tabIndex: 0, textContent: JSON.stringify(value, null, 2) }),
        );
      }
    } catch (error) {
      details.append(element("p", { textContent: "The console no longer has this invocation." }));
    }
  });
  const row = element("li", {}, button, details);
  row.invocation = invocation;
  return row;
}

function filterInvocations() {
  const wanted = kinds[by("only").value];
  for (const row of by("invocations").children) row.hidden = !wanted(row.invocation);
}

function addInvocation(invocation) {
  by("no-invocations").hidden = true;
  const row = invocationRow(invocation);
  row.hidden = !kinds[by("only").value](invocation);
  by("invocations").prepend(row);
  while (by("invocations").childElementCount > KEPT) by("invocations").lastElementChild.remove();
}

// Outbox

function messageRow(message) {
  const head = element(
    "div",
    { className: "head" },
    element("span", { className: "badge plain", textContent: message.channel === "sms" ? "SMS" : "e-mail" }),
    element("span", { className: "to", textContent: message.to }),
    element("time", { className: "push", dateTime: message.at, textContent: clock(message.at) }),
  );
  const row = element("li", {}, head);
  if (message.subject) row.append(element("div", { textContent: message.subject }));
  row.append(element("div", { className: "text", textContent: message.text }));
  if (message.code) {
    const code = element("button", { className: "code", type: "button", textContent: message.code });
    code.setAttribute("aria-label", `Copy code ${message.code}`);
    code.addEventListener("click", () => navigator.clipboard.writeText(message.code).catch(warn));
    row.append(code);
  }
  row.message = message;
  return row;
}

function filterMessages() {
  const to = by("to").value.trim().toLowerCase();
  for (const row of by("messages").children) row.hidden = !row.message.to.toLowerCase().includes(to);
}

function addMessage(message) {
  by("no-messages").hidden = true;
  by("messages").prepend(messageRow(message));
  while (by("messages").childElementCount > KEPT) by("messages").lastElementChild.remove();
  filterMessages();
}

// Users

const factorNames = { SMS_MFA: "SMS", SOFTWARE_TOKEN_MFA: "TOTP", EMAIL_OTP: "e-mail" };

const addressNames = { email: "e-mail", phone_number: "phone" };

function addressState(attributes, name) {
  if (!attributes[name]) return null;
  const address = attributes[name] === shownName(attributes) ? addressNames[name] : attributes[name];
  return `${address} ${attributes[`${name}_verified`] === "true" ? "verified" : "not verified"}`;
}

const shownName = (attributes) => attributes.email ?? attributes.phone_number;

function userRow(user) {
  const head = element("div", { className: "head" });
  const name = shownName(user.attributes) ?? user.username;
  head.append(element("span", { className: "name", textContent: name }));
  const status = user.status === "CONFIRMED" ? "good" : "bad";
  head.append(element("span", { className: `badge ${status}`, textContent: user.status.toLowerCase().replaceAll("_", " ") }));
  if (user.enabled === false) head.append(element("span", { className: "badge bad", textContent: "disabled" }));
  for (const factor of user.factors ?? []) {
    const preferred = factor === user.preferred ? ", preferred" : "";
    head.append(element("span", { className: "badge plain", textContent: `${factorNames[factor] ?? factor}${preferred}` }));
  }
  const facts = [addressState(user.attributes, "email"), addressState(user.attributes, "phone_number"), user.username];
  return element(
    "li",
    {},
    head,
    element("div", { className: "facts", textContent: facts.filter(Boolean).join(" · ") }),
  );
}

async function loadUsers() {
  const { users, error } = await load("/api/users");
  if (error) throw new Error(error);
  by("no-users").hidden = users.length > 0;
  by("users").replaceChildren(...users.map(userRow));
}

// Faults

const delays = [[0, "none"], [500, "0.5 s"], [2000, "2 s"], [6000, "6 s"], [30000, "30 s"]];
const failures = [["", "works"], ["fails", "fails"], ["throttles", "throttles"], ["malformed", "malformed response"]];

function choice(label, options, value, change) {
  const select = element("select");
  select.setAttribute("aria-label", label);
  for (const [option, text] of options) select.append(element("option", { value: option, textContent: text }));
  select.value = value;
  select.addEventListener("change", () => change().catch(warn));
  return select;
}

function faultRow(target, fault) {
  const row = element("tr");
  const change = async () => {
    const wanted = { delayMs: Number(delay.value), failure: failure.value || null };
    await put(`/api/faults/${target}`, wanted);
    row.classList.toggle("faulty", wanted.delayMs > 0 || wanted.failure != null);
  };
  const delay = choice(`Delay of ${target}`, delays, String(fault?.delayMs ?? 0), change);
  const failure = choice(`What ${target} does then`, failures, fault?.failure ?? "", change);
  row.classList.toggle("faulty", fault != null);
  row.append(
    element("th", { scope: "row", textContent: target }),
    element("td", {}, delay),
    element("td", {}, failure),
  );
  return row;
}

async function loadLetters() {
  const letters = await load("/api/dead-letters");
  by("no-letters").hidden = letters.length > 0;
  by("letters").replaceChildren(
    ...letters.map((letter) =>
      element("li", { textContent: `${letter.function}: ${letter.error} after ${letter.attempts} attempts` }),
    ),
  );
}

// Endpoints

const names = {
  cognito: "Cognito", api: "HTTP API", lambda: "Lambda", dynamodb: "DynamoDB", kms: "KMS", sns: "SNS",
  sms: "SMS", ses: "SES", outbox: "Outbox", region: "Region", userPoolId: "User pool",
};

function showOverview(overview) {
  const { endpoints, faults } = overview;
  by("pool").textContent = `${endpoints.userPoolId} · ${endpoints.region}`;
  const rows = Object.entries(names).map(([key, name]) => [name, endpoints[key]]);
  for (const [client, { id }] of Object.entries(endpoints.clients)) rows.push([`Client, ${client}`, id]);
  by("endpoints").replaceChildren(
    ...rows.flatMap(([name, value]) => [
      element("dt", { textContent: name }),
      element("dd", { className: "mono", textContent: value }),
    ]),
  );
  const targets = [...overview.functions, ...overview.services];
  by("faults").replaceChildren(...targets.map((target) => faultRow(target, faults[target])));
  for (const [id, name] of [["delivery", "triggerDelivery"], ["risk", "signInRisk"]]) {
    by(id).value = overview.switches[name];
    by(id).onchange = () => {
      overview.switches[name] = by(id).value;
      put("/api/switches", overview.switches).catch(warn);
    };
  }
}

// Live. Users and given-up events change when a function has run or a message went out.

let refresh;
function refreshSoon() {
  clearTimeout(refresh);
  refresh = setTimeout(() => Promise.all([loadUsers(), loadLetters()]).catch(warn), 300);
}

const add = { invocation: addInvocation, message: addMessage };
const key = (kind, item) => (kind === "invocation" ? item.number : `${item.at} ${item.to} ${item.text}`);

// What arrives while everything is being read; some of it is in what was read.
let arriving = null;

function arrived(kind, item) {
  if (arriving) arriving.push([kind, item]);
  else add[kind](item);
  refreshSoon();
}

async function loadAll() {
  arriving = [];
  const [overview, invocations, messages] = await Promise.all([
    load("/api/overview"), load("/api/invocations"), load("/outbox"), loadUsers(), loadLetters(),
  ]);
  showOverview(overview);
  by("invocations").replaceChildren();
  by("messages").replaceChildren();
  const seen = new Set();
  const read = [
    ...invocations.slice(-KEPT).map((item) => ["invocation", item]),
    ...messages.slice(-KEPT).map((item) => ["message", item]),
  ];
  for (const [kind, item] of [...read, ...arriving]) {
    if (seen.has(key(kind, item))) continue;
    seen.add(key(kind, item));
    add[kind](item);
  }
  arriving = null;
  by("warning").hidden = true;
}

function follow() {
  const live = new EventSource("/api/live");
  const state = (className, text) => {
    by("live").className = className;
    by("live").textContent = text;
  };
  // After each connection everything is read again: the cloud may have been started anew.
  live.onopen = () => loadAll().then(() => state("on", "live")).catch(warn);
  live.onerror = () => state("off", "not running, waiting");
  for (const kind of Object.keys(add)) {
    live.addEventListener(kind, ({ data }) => arrived(kind, JSON.parse(data)));
  }
}

by("only").addEventListener("change", filterInvocations);
by("to").addEventListener("input", filterMessages);
await loadAll().catch(warn);
follow();
