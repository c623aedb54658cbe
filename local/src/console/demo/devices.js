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
    paragraph("A remembered browser signs in with the password alone. It proves a secret of its own instead of a code by SMS or from an app."),
    newDevice ? remember(place, newDevice) : "",
    subtitle("Known devices"),
    known.length === 0 ? element("p", { className: "empty", textContent: "No remembered devices." }) : list(place, known),
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
        "The pool receives a verifier. The secret stays in this browser.",
      );
      keepDevice(user, { key: DeviceKey, group: DeviceGroupKey, password });
      setSession({ ...current, newDevice: undefined });
      const DeviceRememberedStatus = "remembered";
      await cognito("UpdateDeviceStatus", { AccessToken, DeviceKey, DeviceRememberedStatus }, "In this pool the user decides. Until then the pool knows the device but does not remember it.");
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
  await api("DELETE", `/mfa/remembered-devices/${id}`, { token }, "From now on the pool asks this device for a code again.");
  if (rememberedDevice(user)?.key === id) dropDevice(user);
  await show(place);
  place.prepend(notice("The device was forgotten."));
}

async function forgetOthers(place) {
  const { AccessToken: token } = session();
  await api("POST", "/mfa/remembered-devices/forget-others", { token }, "Forgets all devices except the one that this token belongs to.");
  await show(place);
  place.prepend(notice("All other devices were forgotten."));
}
