// Forms and notices, the same on every screen.

import { element } from "/dom.js";
import { beginStep, CallError, latestCallBegan } from "./calls.js";
import { codeTo } from "./outbox.js";
import { expectSignIn } from "./session.js";

let fields = 0;

/**
 * A form. Its `fields` have a `name`, a `label`, what an input takes beside, and perhaps a `hint`,
 * `options` or a `fill`: a button that writes a value into it. `run` gets the values; what it throws
 * is shown. `actions` are further buttons with a `label` and a `run` of their own; `isQuiet` ones lead
 * away from what the form is for.
 */
export function form({ fields: described = [], submit, run, actions = [] }) {
  const problem = element("p", { className: "problem", hidden: true });
  problem.setAttribute("role", "alert");
  const made = element("form", { noValidate: true });
  const values = () => Object.fromEntries([...new FormData(made)].map(([name, value]) => [name, value.trim()]));

  const perform = async (task) => {
    if (made.classList.contains("busy")) return;
    problem.hidden = true;
    made.classList.add("busy");
    try {
      await task(values());
    } catch (error) {
      tell(problem, error);
    } finally {
      made.classList.remove("busy");
    }
  };
  const button = (className, label, task, step = true) => {
    const one = element("button", { className, type: "button", textContent: label });
    one.addEventListener("click", () => {
      if (step) beginStep();
      perform(task);
    });
    return one;
  };

  for (const one of described) made.append(field(one, button));
  const buttons = element("div", { className: "buttons" });
  if (submit) buttons.append(element("button", { className: "primary", textContent: submit }));
  for (const { label, run: other, isQuiet } of actions) buttons.append(button(isQuiet ? "quiet" : "", label, other));
  made.append(problem, buttons);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    const missing = [...made.elements].find((input) => input.required && input.value.trim() === "");
    if (missing) {
      tell(problem, new Error(`Fill in: ${missing.labels[0].textContent}.`));
      missing.focus();
      return;
    }
    beginStep();
    perform(run);
  });
  return made;
}

function field({ name, label, hint, options, fill, ...properties }, button) {
  fields += 1;
  const id = `field-${fields}`;
  const input = options
    ? element("select", { id, name }, ...options.map(([value, text]) => element("option", { value, textContent: text })))
    : element("input", { id, name, autocapitalize: "off", spellcheck: false });
  const row = element("div", { className: "input" }, input);
  Object.assign(input, properties);
  if (fill) {
    row.append(
      button("", fill.label, async () => {
        input.value = await fill.run();
        input.focus();
      }, false),
    );
  }
  const made = element("div", { className: "field" }, element("label", { htmlFor: id, textContent: label }), row);
  if (hint) {
    made.append(element("p", { className: "hint", id: `${id}-hint`, textContent: hint }));
    input.setAttribute("aria-describedby", `${id}-hint`);
  }
  return made;
}

// What a further sign-in makes good, and how it has to differ: a remembered browser would be no proof, and
// only the custom client lets a first authenticator of the user's own be set up.
const AGAIN = {
  "reauthentication-required": "Sign in again",
  "second-factor-required": "Sign in again",
  "enrolment-closed": "Sign in again in custom mode",
};
const NEXT_SIGN_IN = {
  "reauthentication-required": {},
  "second-factor-required": { withCode: true },
  "enrolment-closed": { client: "custom" },
};

function tell(problem, error) {
  const code = error instanceof CallError && error.code ? `${error.code}: ` : "";
  problem.replaceChildren(`${code}${error.message}`);
  const label = AGAIN[error.code];
  if (label) {
    const link = element("a", { href: "#sign-in", textContent: label });
    link.addEventListener("click", () => expectSignIn(NEXT_SIGN_IN[error.code]));
    problem.append(". ", link, ".");
  }
  problem.hidden = false;
}

/** A field for a code that came by a message to `address`, which may be masked, after `since`. */
export function messageCode({ name = "code", label = "Code", address, since = latestCallBegan(), ...rest }) {
  const fill = { label: "Fill in from the outbox", run: () => codeTo(address, since) };
  return { name, label, inputMode: "numeric", autocomplete: "one-time-code", required: true, fill, ...rest };
}

export const password = (name, label, autocomplete, rest = {}) => ({
  name,
  label,
  type: "password",
  autocomplete,
  required: true,
  ...rest,
});

export const paragraph = (...children) => element("p", {}, ...children);

/** Something done, or something to know; read out by screen readers. */
export function notice(...children) {
  const made = element("p", { className: "notice" }, ...children);
  made.setAttribute("role", "status");
  return made;
}

/** A warning that stands on a screen from its beginning. */
export const warning = (...children) => element("p", { className: "warning" }, ...children);

export const code = (text) => element("code", { textContent: text });

export const subtitle = (text) => element("h3", { textContent: text });

/** `[name, value]` pairs. */
export function facts(pairs) {
  const rows = pairs.flatMap(([name, value]) => [
    element("dt", { textContent: name }),
    element("dd", {}, value),
  ]);
  return element("dl", {}, ...rows);
}
