// Codes for the day the phone is gone.

import { element } from "/dom.js";
import { api } from "./calls.js";
import { facts, form, paragraph, warning } from "./form.js";
import { session } from "./session.js";

export const recoveryCodes = { id: "recovery-codes", title: "Recovery codes", forUsers: true, show };

async function show(place) {
  const { AccessToken: token } = session();
  const { answer } = await api("GET", "/mfa/recovery-codes", { token });
  place.replaceChildren(
    paragraph("In custom mode, a recovery code replaces another code at sign-in. In native mode, it recovers the account. Each works once. The server keeps only hashes."),
    facts([["Left", `${answer.left}`]]),
    answer.left > 0 ? warning("New codes replace your existing ones.") : "",
    form({
      submit: answer.left > 0 ? "Create new codes" : "Create codes",
      run: async () => {
        const { answer: made } = await api("POST", "/mfa/recovery-codes", { token }, "The codes are in this response and nowhere else.");
        reveal(place, made);
      },
    }),
  );
}

function reveal(place, { codes, text }) {
  place.replaceChildren(
    paragraph("Print them or write them down. They are not shown again."),
    element("ul", { className: "codes" }, ...codes.map((code) => element("li", {}, element("code", { textContent: code })))),
    element("details", { className: "token" }, element("summary", { textContent: "As a page to print" }), element("pre", { tabIndex: 0, textContent: text })),
    form({ submit: "I saved them", run: () => show(place) }),
  );
}
