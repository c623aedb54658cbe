// Browsers that the pool remembers: they prove a secret of their own in place of a code.

import { element } from "/dom.js";
import { cognito } from "./calls.js";
import { form, notice, paragraph, subtitle } from "./form.js";
import { claims, dropDevice, keepDevice, rememberedDevice, session, setSession } from "./session.js";
import { deviceSecret } from "./srp.js";

export const devices = { id: "devices", title: "Remembered devices", forUsers: true, show };

async function show(place) {
  const { AccessToken, newDevice } = session();
  const { Devices } = await cognito("ListDevices", { AccessToken, Limit: 60 });
  place.replaceChildren(
    paragraph("A remembered browser signs in with the password alone: it proves a secret of its own where a code by SMS or from an app would be asked for."),
    newDevice ? remember(place, newDevice) : "",
    subtitle("Known devices"),
    Devices.length === 0 ? element("p", { className: "empty", textContent: "None." }) : list(place, Devices),
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
    ...found.map((device) => {
      const attributes = Object.fromEntries(device.DeviceAttributes.map(({ Name, Value }) => [Name, Value]));
      const last = new Date(device.DeviceLastAuthenticatedDate * 1000).toLocaleString([], { hour12: false });
      const name = attributes.device_name ?? device.DeviceKey;
      const badges = [
        attributes["device_status"] === "valid" ? null : attributes["device_status"],
        device.DeviceKey === here ? "this browser" : null,
      ];
      return element(
        "li",
        {},
        element("p", { className: "name", textContent: name }),
        element("p", { className: "facts", textContent: [...badges, `last signed in ${last}`].filter(Boolean).join(" · ") }),
        form({ actions: [{ label: `Forget ${name}`, run: () => forget(place, device.DeviceKey) }] }),
      );
    }),
  );
}

async function forget(place, DeviceKey) {
  const { AccessToken, user } = session();
  await cognito("ForgetDevice", { AccessToken, DeviceKey }, "From now on it is asked for a code like any other.");
  if (rememberedDevice(user)?.key === DeviceKey) dropDevice(user);
  await show(place);
  place.prepend(notice("Forgotten."));
}
