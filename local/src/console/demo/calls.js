// Every request of the demo, and the list of them: what an app's developer has to send, and gets.

import { by, element } from "/dom.js";
import { endpoints } from "./cloud.js";

const KEPT = 60;
const SHOWN_CHARACTERS = 96;
const PASSWORDS = new Set(["oldPassword", "password", "Password", "PASSWORD", "NEW_PASSWORD", "PreviousPassword", "ProposedPassword"]);

let count = 0;
let began = 0;

/** When the latest call began: what it sent came later. */
export const latestCallBegan = () => began;

/** An answer that is no success. `code` is Cognito's exception or the problem's code. */
export class CallError extends Error {
  constructor(code, message, answer) {
    super(message);
    this.code = code;
    this.answer = answer;
  }
}

/** An operation of the user pool. */
export async function cognito(operation, parameters, why) {
  const detail = parameters.ChallengeName ?? parameters.AuthFlow;
  const headers = {
    "content-type": "application/x-amz-json-1.1",
    "x-amz-target": `AWSCognitoIdentityProviderService.${operation}`,
  };
  const call = { name: operation, detail, request: parameters, why };
  const { ok, answer } = await send(call, endpoints.cognito, { method: "POST", headers, body: JSON.stringify(parameters) });
  if (!ok) throw new CallError(answer.__type, answer.message, answer);
  return answer;
}

/** A request to the API. `token`: an access token, or the secret of a recovery; none to begin one. */
export async function api(method, path, { token, body, headers = {} }, why) {
  const sent = { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers };
  if (body !== undefined) sent["content-type"] = "application/json";
  const call = { name: `${method} ${path}`, request: { headers: sent, ...(body === undefined ? {} : { body }) }, why };
  const { ok, answer, response } = await send(call, `${endpoints.api}${path}`, {
    method,
    headers: sent,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!ok) throw new CallError(answer.code ?? "", answer.detail ?? answer.message, answer);
  return { answer, headers: response.headers };
}

async function send(call, url, request) {
  began = Date.now();
  const started = performance.now();
  let response;
  try {
    response = await fetch(url, request);
  } catch (error) {
    show({ ...call, status: "no answer", ok: false, answer: error.message, took: performance.now() - started });
    throw new CallError("no answer", "The local cloud does not answer.");
  }
  const text = await response.text();
  const took = performance.now() - started;
  const answer = text === "" ? {} : JSON.parse(text);
  show({ ...call, status: response.status, ok: response.ok, answer, took });
  return { ok: response.ok, answer, response };
}

/** What was open before belongs to an earlier step. */
export function beginStep() {
  for (const details of by("calls").querySelectorAll("details")) details.open = false;
}

function show({ name, detail, request, why, status, ok, answer, took }) {
  count += 1;
  by("no-calls").hidden = true;
  const head = element(
    "summary",
    {},
    element("span", { className: "number", textContent: `${count}` }),
    " ",
    element("span", { className: "operation" }, ...breakable(name)),
    " ",
    element("span", { className: `badge ${ok ? "good" : "bad"}`, textContent: status }),
    element("span", { className: "took", textContent: `${Math.round(took)} ms` }),
    detail ? element("span", { className: "detail", textContent: detail }) : null,
  );
  by("calls").prepend(
    element(
      "li",
      {},
      element(
        "details",
        { open: true },
        head,
        why ? element("p", { className: "why", textContent: why }) : null,
        ...part("Request", request),
        ...part("Response", answer),
      ),
    ),
  );
  while (by("calls").childElementCount > KEPT) by("calls").lastElementChild.remove();
}

function part(title, content) {
  const text = JSON.stringify(content, shortened, 2);
  return [element("h3", { textContent: title }), element("pre", { tabIndex: 0, textContent: text })];
}

function shortened(key, value) {
  if (typeof value !== "string") return value;
  if (PASSWORDS.has(key)) return "(left out)";
  if (value.length <= SHOWN_CHARACTERS) return value;
  return `${value.slice(0, 24)}… (${value.length} characters)`;
}

// A narrow screen breaks SetUserMFAPreference where a reader would.
const breakable = (text) =>
  text.split(/(?<=[a-z/])(?=[A-Z])|(?<=[/-])/).flatMap((part, index) => (index > 0 ? [document.createElement("wbr"), part] : [part]));

by("clear").addEventListener("click", () => {
  by("calls").replaceChildren();
  by("no-calls").hidden = false;
});
