// Browsers that sign for the user in custom sign-ins.

import { element } from "/dom.js";
import { forgetKey, newKey, trustedHere } from "./browser-key.js";
import { api } from "./calls.js";
import { form, notice, paragraph, subtitle } from "./form.js";
import { claims, session } from "./session.js";

export const trustedDevices = { id: "trusted-devices", title: "Trusted devices", forUsers: true, show };

async function show(place) {
  const { AccessToken: token, user } = session();
  const { answer } = await api("GET", "/mfa/trusted-devices", { token });
  const here = await trustedHere(user);
  const isHere = (device) => device.id === here?.device;
  place.replaceChildren(
    paragraph("In custom mode, a trusted browser signs in after the password without a code. Its key was created here and cannot be exported."),
    answer.trustedDevices.some(isHere) ? "" : trust(place, token),
    subtitle("Trusted"),
    answer.trustedDevices.length === 0
      ? element("p", { className: "empty", textContent: "No trusted devices." })
      : element("ul", { className: "rows" }, ...answer.trustedDevices.map((device) => row(place, device, isHere(device)))),
  );
}

function trust(place, token) {
  return form({
    fields: [{ name: "name", label: "Name of this browser", value: "My browser", autocomplete: "off", required: true }],
    submit: "Trust this browser",
    run: async ({ name }) => {
      const { publicKey, keep } = await newKey();
      const body = { name, publicKey };
      const why = "The API accepts this only within a few minutes of a custom sign-in with a second factor. A trusted browser is no such proof.";
      const { answer } = await api("POST", "/mfa/trusted-devices", { token, body }, why);
      await keep(session().user, claims(token).sub, answer.id);
      await show(place);
      place.prepend(notice("This browser is trusted."));
    },
  });
}

function row(place, { id, name, expiresAt }, isHere) {
  const until = new Date(expiresAt).toLocaleDateString();
  return element(
    "li",
    {},
    element("p", { className: "name", textContent: name }),
    element("p", { className: "facts", textContent: `${isHere ? "this browser · " : ""}until ${until}` }),
    form({
      actions: [
        {
          label: `Revoke ${name}`,
          run: async () => {
            const { AccessToken: token, user } = session();
            await api("DELETE", `/mfa/trusted-devices/${id}`, { token });
            if (isHere) await forgetKey(user);
            await show(place);
            place.prepend(notice("The device is no longer trusted."));
          },
        },
      ],
    }),
  );
}
