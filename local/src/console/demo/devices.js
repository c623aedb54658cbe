// Browsers that the pool remembers: they prove a secret of their own in place of a code.

import { element } from "/dom.js";
import { api, cognito } from "./calls.js";
import { form, notice, paragraph, subtitle } from "./form.js";
import { claims, dropDevice, keepDevice, rememberedDevice, session, setSession } from "./session.js";
import { deviceSecret } from "./srp.js";

export const devices = { id: "devices", title: "Remembered devices", forUsers: true, show };

async function show(place) {
  const { AccessToken, newDevice } = session();
  const { answer } = await api("GET", "/mfa/remembered-devices", { token: AccessToken });
  const known = answer.rememberedDevices;
  place.replaceChildren(
    paragraph("A remembered browser signs in with the password alone: it proves a secret of its own where a code by SMS or from an app would be asked for."),
    newDevice ? remember(place, newDevice) : "",
    subtitle("Known devices"),
    known.length === 0 ? element("p", { className: "empty", textContent: "None." }) : list(place, known),
    known.length > 1 ? form({ actions: [{ label: "Forget all others", run: () => forgetOthers(place) }] }) : "",
  );
}

function remember(place, { DeviceKey, DeviceGroupKey }) {
  return form({
    fields: [{ name: "name", label: "Name of this browser", value: "My browser", required: true, autocomplete: "off" }],
    submit: "Remember this browser",
    run: async (values) => {
      const current = session();
      const { AccessToken, user } = current;
      const { password, PasswordVerifier, Salt } = await deviceSecret(DeviceGroupKey, DeviceKey);
      const DeviceSecretVerifierConfig = { PasswordVerifier, Salt };
      await cognito(
        "ConfirmDevice",
        { AccessToken, DeviceKey, DeviceSecretVerifierConfig, DeviceName: values.name },
        "The pool gets a verifier; the secret stays in this browser.",
      );
      keepDevice(user, { key: DeviceKey, group: DeviceGroupKey, password });
      setSession({ ...current, newDevice: undefined });
      const DeviceRememberedStatus = "remembered";
      await cognito("UpdateDeviceStatus", { AccessToken, DeviceKey, DeviceRememberedStatus }, "In this pool the user decides; until then the device is known, and not remembered.");
      await show(place);
      place.prepend(notice("This browser is remembered."));
    },
  });
}

function list(place, found) {
  const { AccessToken, user } = session();
  const here = rememberedDevice(user)?.key ?? claims(AccessToken).device_key;
  return element(
    "ul",
    { className: "rows" },
    ...found.map(({ id, name, remembered, lastUsedAt }) => {
      const last = new Date(lastUsedAt).toLocaleString([], { hour12: false });
      const badges = [remembered ? "remembered" : "not remembered", id === here ? "this browser" : null];
      const shown = name ?? id;
      return element(
        "li",
        {},
        element("p", { className: "name", textContent: shown }),
        element("p", { className: "facts", textContent: [...badges, `last signed in ${last}`].filter(Boolean).join(" · ") }),
        form({ actions: [{ label: `Forget ${shown}`, run: () => forget(place, id) }] }),
      );
    }),
  );
}

async function forget(place, id) {
  const { AccessToken: token, user } = session();
  await api("DELETE", `/mfa/remembered-devices/${id}`, { token }, "From now on it is asked for a code like any other.");
  if (rememberedDevice(user)?.key === id) dropDevice(user);
  await show(place);
  place.prepend(notice("Forgotten."));
}

async function forgetOthers(place) {
  const { AccessToken: token } = session();
  await api("POST", "/mfa/remembered-devices/forget-others", { token }, "All but the one that this token was signed in on.");
  await show(place);
  place.prepend(notice("All others are forgotten."));
}
