// The factors that Cognito asks for, and which is preferred, through the MFA API.

import { element } from "/dom.js";
import { api } from "./calls.js";
import { hasCustomAuth } from "./cloud.js";
import { facts, form, notice, paragraph, subtitle } from "./form.js";
import { session } from "./session.js";

export const factors = { id: "factors", title: "Factors", forUsers: true, show };

const NAMES = { sms: "Text message", totp: "Authenticator app", email: "E-mail" };
const WORDS = { SMS: "text message", TOTP: "authenticator app", EMAIL: "e-mail" };
const SETTINGS = [
  ["PREFERRED", "PREFERRED: asked for at sign-in"],
  ["NOT_PREFERRED", "NOT_PREFERRED: ready"],
  ["ENABLED", "ENABLED: ready; stays preferred if it was"],
  ["DISABLED", "DISABLED: off"],
];

async function show(place) {
  const { AccessToken: token, newDevice, client } = session();
  const { answer: overview } = await api("GET", "/mfa", { token });
  const { answer: preference } = await api("GET", "/mfa/preference", { token });
  const words = (list) => list.map((factor) => WORDS[factor]).join(", ");
  place.replaceChildren(
    facts([
      ["Set up", words(overview.enabled) || (client === "native" ? "none: the password alone signs in" : "none of Cognito's")],
      ["Preferred", overview.preferred ? WORDS[overview.preferred] : "none"],
      ...own(overview),
    ]),
    paragraph(element("a", { href: "#authenticator", textContent: overview.totp.enabled ? "Set up another authenticator app" : "Set up an authenticator app" }), newDevice ? " · " : "", newDevice ? element("a", { href: "#devices", textContent: "Remember this browser" }) : ""),
    subtitle("Preference"),
    form({
      fields: Object.entries(NAMES).map(([name, label]) => ({ name, label, options: SETTINGS, value: preference[name] })),
      submit: "Save",
      run: (values) => save(place, token, preference, values),
    }),
  );
}

/** Factors for custom sign-ins. */
function own({ authenticators, recoveryCodes, trustedDevices }) {
  if (!hasCustomAuth) return [];
  return [
    ["Named authenticators", authenticators.map(({ name }) => name).join(", ") || "none"],
    ["Recovery codes", `${recoveryCodes.left} left`],
    ["Trusted devices", trustedDevices.map(({ name }) => name).join(", ") || "none"],
  ];
}

async function save(place, token, before, values) {
  const changed = Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== before[name]));
  const why = "The app sends only what changes. The API keeps your other factors and reads the result back from Cognito.";
  await api("PUT", "/mfa/preference", { token, body: changed }, why);
  await show(place);
  place.append(notice("Saved."));
}
