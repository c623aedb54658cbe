// What happened to the user's factors, page by page.

import { element } from "/dom.js";
import { api } from "./calls.js";
import { form, paragraph } from "./form.js";
import { session } from "./session.js";

export const activity = { id: "activity", title: "Activity", forUsers: true, show };

const PAGE = 10;

async function show(place) {
  const rows = element("ul", { className: "rows" });
  const more = element("div");
  place.replaceChildren(
    paragraph("The API records every change before making it. The newest come first."),
    rows,
    more,
  );
  await page(rows, more);
}

async function page(rows, more, before) {
  const query = before ? `?limit=${PAGE}&before=${before}` : `?limit=${PAGE}`;
  const { answer } = await api("GET", `/mfa/activity${query}`, { token: session().AccessToken });
  rows.append(...answer.lines.map(row));
  if (rows.children.length === 0) rows.replaceWith(element("p", { className: "empty", textContent: "Nothing yet." }));
  more.replaceChildren(
    answer.next ? form({ actions: [{ label: "Earlier", run: () => page(rows, more, answer.next) }] }) : "",
  );
}

function row({ action, at, factor }) {
  const words = action.replaceAll("-", " ").replace(/^totp/, "TOTP");
  const time = new Date(at).toLocaleString([], { hour12: false });
  return element(
    "li",
    {},
    element("p", { className: "name", textContent: words[0].toUpperCase() + words.slice(1) }),
    element("p", { className: "facts", textContent: [factor, time].filter(Boolean).join(" · ") }),
  );
}
