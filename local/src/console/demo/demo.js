// The demo app: which screens there are, which is shown, and who is signed in.

import { by, element } from "/dom.js";
import { account } from "./account.js";
import { activity } from "./activity.js";
import { authenticator } from "./authenticator.js";
import { beginStep } from "./calls.js";
import { hasCustomAuth } from "./cloud.js";
import { devices } from "./devices.js";
import { factors } from "./factors.js";
import { forgottenPassword } from "./forgotten-password.js";
import { paragraph } from "./form.js";
import { lostPhone } from "./lost-phone.js";
import { namedAuthenticators } from "./named-authenticators.js";
import { password } from "./password.js";
import { recoveryCodes } from "./recovery-codes.js";
import { onChange, session } from "./session.js";
import { signIn } from "./sign-in.js";
import { signUp } from "./sign-up.js";
import { trustedDevices } from "./trusted-devices.js";

/**
 * A screen has an `id`, a `title` and `show(place)`. It has `forUsers` if it needs a signed-in user, and
 * `forNobody` if a signed-in user has no use for it.
 * What it shows goes to `place`; `place.go(id)` leaves it for another screen.
 */
const custom = hasCustomAuth ? [namedAuthenticators, recoveryCodes, trustedDevices] : [];
const screens = [
  signUp,
  signIn,
  forgottenPassword,
  factors,
  authenticator,
  devices,
  ...custom,
  activity,
  lostPhone,
  password,
  account,
];
const FIRST = signUp;

function topics() {
  const current = session();
  by("who").textContent = current ? `Signed in as ${current.user}` : "Not signed in";
  by("who").className = current ? "on" : "";
  by("topics").replaceChildren(
    ...screens
      .filter((screen) => (current ? !screen.forNobody : !screen.forUsers))
      .map((screen) => {
        const link = element("a", { href: `#${screen.id}`, textContent: screen.title });
        if (screen.id === shown().id) link.setAttribute("aria-current", "page");
        return element("li", {}, link);
      }),
  );
}

const shown = () => screens.find((screen) => `#${screen.id}` === location.hash) ?? (session() ? factors : FIRST);

async function show() {
  const screen = shown();
  topics();
  document.title = `${screen.title} · Demo app`;
  by("screen-title").textContent = screen.title;
  // A screen that the user has left may still be running. It then writes into an invisible place.
  const place = element("div", { id: "place" });
  place.go = (id) => {
    if (!place.isConnected) return;
    if (location.hash === `#${id}`) show();
    else location.hash = id;
  };
  by("place").replaceWith(place);
  if (screen.forUsers && !session()) {
    place.append(paragraph(element("a", { href: "#sign-in", textContent: "Sign in" }), " first."));
    return;
  }
  try {
    await screen.show(place);
  } catch (error) {
    const problem = element("p", { className: "problem", textContent: error.message });
    problem.setAttribute("role", "alert");
    place.append(problem);
  }
}

addEventListener("hashchange", () => {
  beginStep();
  show();
  by("screen-title").focus();
});
onChange(topics);
show();
