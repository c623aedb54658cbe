// An authenticator app for sign-ins by Cognito's own MFA, set up through the MFA API.

import { element } from "/dom.js";
import { api } from "./calls.js";
import { appCode } from "./challenges.js";
import { facts, form, paragraph, warning } from "./form.js";
import { addSeed, nextCode } from "./own-totp.js";
import { session } from "./session.js";

export const authenticator = { id: "authenticator", title: "Authenticator app", forUsers: true, show };

function show(place) {
  place.replaceChildren(
    paragraph("Use Google Authenticator, 1Password or any other app for time-based codes. If you have no phone at hand, this page can act as one."),
    form({
      submit: "Set up",
      run: async () => {
        try {
          await start(place, {});
        } catch (error) {
          if (error.code === "totp-already-set-up") confirmReplacement(place);
          else throw error;
        }
      },
    }),
  );
}

function confirmReplacement(place) {
  place.replaceChildren(
    warning("You already have an authenticator app. Cognito keeps only one secret, so the old app stops working now, even if you do not finish."),
    form({
      actions: [
        { label: "Replace it", run: () => start(place, { replace: true }) },
        { label: "Keep it", run: () => place.go("factors") },
      ],
    }),
  );
}

async function start(place, body) {
  const { AccessToken: token, user } = session();
  const { answer } = await api("POST", "/mfa/totp", { token, body });
  place.replaceChildren(
    paragraph("Scan this with the app, or type the secret into it. Then enter the code that the app shows."),
    qr(answer.qr.png),
    facts([
      ["Secret", element("code", { className: "secret", textContent: answer.secret.match(/.{1,4}/g).join(" ") })],
      ["On this phone", element("a", { href: answer.uri, textContent: "open in an authenticator app" })],
    ]),
    form({
      fields: [
        appCode(user, "native", {
          fill: {
            label: "Use the code from this page",
            run: () => {
              addSeed(user, "native", answer.secret);
              return nextCode(user, "native");
            },
          },
        }),
        { name: "device", label: "Name of the device (optional)", autocomplete: "off", maxLength: 64 },
        {
          name: "preferred",
          label: "At sign-in",
          options: [
            ["yes", "ask for it from now on"],
            ["no", "do not ask for it yet"],
          ],
        },
      ],
      submit: "Verify",
      run: (values) => verify(place, token, values),
    }),
  );
  place.querySelector("input").focus({ preventScroll: true });
}

/** The picture of a secret, from the API as a `data:` URI. */
export const qr = (png) => element("img", { className: "qr", src: png, alt: "QR code for an authenticator app", width: 232, height: 232 });

async function verify(place, token, values) {
  const body = { code: values.code, ...(values.device ? { friendlyDeviceName: values.device } : {}) };
  await api("POST", "/mfa/totp/verify", { token, body }, "The code proves that the app has the secret. Each code works once, so the next sign-in needs the next code.");
  if (values.preferred === "yes") {
    const why = "Cognito asks for a verified app only if it is preferred or the only enabled factor.";
    await api("PUT", "/mfa/preference", { token, body: { totp: "PREFERRED" } }, why);
  }
  place.go("factors");
}
