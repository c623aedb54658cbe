// Authenticators for custom sign-ins: several, each with a name.

import { element } from "/dom.js";
import { qr } from "./authenticator.js";
import { api } from "./calls.js";
import { appCode } from "./challenges.js";
import { facts, form, notice, paragraph, subtitle } from "./form.js";
import { addSeed, nextCode } from "./own-totp.js";
import { session } from "./session.js";

export const namedAuthenticators = { id: "named-authenticators", title: "Named authenticators", forUsers: true, show };

const path = (id) => `/mfa/authenticators/${id}`;
const token = () => session().AccessToken;

async function show(place) {
  const { answer } = await api("GET", "/mfa/authenticators", { token: token() });
  place.replaceChildren(
    paragraph("For custom sign-ins. You can have up to five, each with a name. Setting one up does not affect the others. The first one is set up while you sign in in custom mode. Later changes need a sign-in with a second factor in the last few minutes."),
    form({
      fields: [{ name: "name", label: "Name", autocomplete: "off", required: true, placeholder: "Phone" }],
      submit: "Set up",
      run: ({ name }) => start(place, name),
    }),
    subtitle("Yours"),
    answer.authenticators.length === 0
      ? element("p", { className: "empty", textContent: "No authenticators." })
      : element("ul", { className: "rows" }, ...answer.authenticators.map((one) => row(place, one))),
  );
}

function row(place, { id, name, createdAt, confirmed }) {
  const since = new Date(createdAt).toLocaleString([], { hour12: false });
  return element(
    "li",
    {},
    element("p", { className: "name", textContent: name }),
    element("p", { className: "facts", textContent: `since ${since}${confirmed ? "" : " · not confirmed: enter one of its codes"}` }),
    form({
      actions: [
        { label: `Rename ${name}`, run: () => rename(place, id, name) },
        { label: `Remove ${name}`, run: () => remove(place, id) },
      ],
    }),
  );
}

async function start(place, name) {
  const { user } = session();
  const { answer } = await api("POST", "/mfa/authenticators", { token: token(), body: { name } }, "The authenticator becomes active when one of its codes is entered.");
  const fill = {
    label: "Use the code from this page",
    run: () => {
      addSeed(user, answer.id, answer.secret);
      return nextCode(user, answer.id);
    },
  };
  place.replaceChildren(
    paragraph("Scan this with the app, or type the secret into it. Then enter the code that the app shows."),
    qr(answer.qr.png),
    facts([
      ["Secret", element("code", { className: "secret", textContent: answer.secret.match(/.{1,4}/g).join(" ") })],
      ["On this phone", element("a", { href: answer.uri, textContent: "open in an authenticator app" })],
    ]),
    form({
      fields: [appCode(user, answer.id, { fill })],
      submit: "Verify",
      run: async ({ code }) => {
        await api("POST", `${path(answer.id)}/verify`, { token: token(), body: { code } });
        await show(place);
        place.prepend(notice(`You can now sign in with “${name}”.`));
      },
    }),
  );
  place.querySelector("input").focus({ preventScroll: true });
}

function rename(place, id, name) {
  place.replaceChildren(
    form({
      fields: [{ name: "name", label: "New name", value: name, autocomplete: "off", required: true }],
      submit: "Rename",
      run: async (values) => {
        await api("PATCH", path(id), { token: token(), body: { name: values.name } });
        await show(place);
      },
      actions: [{ label: "Cancel", run: () => show(place) }],
    }),
  );
  place.querySelector("input").focus();
}

async function remove(place, id) {
  await api("DELETE", path(id), { token: token() }, "The API notifies the user and removes all trusted devices.");
  await show(place);
  place.prepend(notice("The authenticator was removed."));
}
