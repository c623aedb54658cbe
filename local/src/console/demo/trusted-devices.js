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
    paragraph("After the password, a trusted browser signs for the user in custom mode, where otherwise a code is asked for. Its key was made here and can't be taken out."),
    answer.trustedDevices.some(isHere) ? "" : trust(place, token),
    subtitle("Trusted"),
    answer.trustedDevices.length === 0
      ? element("p", { className: "empty", textContent: "None." })
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
      const why = "Only after a custom sign-in, a few minutes ago at most, in which a code was entered.";
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
            place.prepend(notice("Trusted no more."));
          },
        },
      ],
    }),
  );
}
