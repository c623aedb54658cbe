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
    paragraph("Each signs in once where another code would be asked for, in custom mode, and recovers the account once, in native mode. Only their hashes are kept."),
    facts([["Left", `${answer.left}`]]),
    answer.left > 0 ? warning("New codes end the ones there are.") : "",
    form({
      submit: answer.left > 0 ? "Make new codes" : "Make codes",
      run: async () => {
        const { answer: made } = await api("POST", "/mfa/recovery-codes", { token }, "They are in this answer and nowhere else.");
        reveal(place, made);
      },
    }),
  );
}

function reveal(place, { codes, text }) {
  place.replaceChildren(
    paragraph("Print them or write them down: they are not shown again."),
    element("ul", { className: "codes" }, ...codes.map((code) => element("li", {}, element("code", { textContent: code })))),
    element("details", { className: "token" }, element("summary", { textContent: "As a page to print" }), element("pre", { tabIndex: 0, textContent: text })),
    form({ submit: "I have them", run: () => show(place) }),
  );
}
