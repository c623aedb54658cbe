// The phone with the authenticator app is gone.

import { api, cognito } from "./calls.js";
import { endpoints, hasCustomAuth, hasRecovery } from "./cloud.js";
import { form, notice, paragraph, password, subtitle } from "./form.js";
import { removeSeeds } from "./own-totp.js";

export const lostPhone = { id: "lost-phone", title: "Lost phone", show };

const UserPoolId = endpoints.userPoolId;
const user = { name: "user", label: "E-mail address, phone number or user name", autocomplete: "username", required: true };

function show(place) {
  const lose = form({
    fields: [user],
    submit: "Lose the phone",
    run: (values) => {
      removeSeeds(values.user);
      tell(lose, "This page no longer has codes for that user.");
    },
  });
  const recover = form({
    fields: [
      user,
      password("old", "Password", "current-password"),
      { name: "code", label: "Recovery code", autocomplete: "off", required: true },
      password("password", "New password", "new-password"),
    ],
    submit: "Recover the account",
    run: async (values) => {
      const begin = { username: values.user, password: values.old };
      const { answer } = await api("POST", "/recovery", { body: begin }, "The response is the same for every user name. Its secret is the only way to continue, and only this page has it.");
      const token = answer.secret;
      await api("POST", "/recovery/code", { token, body: { code: values.code } }, "A wrong password also appears here, as a wrong code.");
      const { answer: end } = await api(
        "POST",
        "/recovery/password",
        { token, body: { oldPassword: values.old, password: values.password } },
        "The new password is set before the authenticator is removed. The old password alone is never enough.",
      );
      if (end.status === "recovered") removeSeeds(values.user);
      tell(recover, end.status === "recovered" ? "The account was recovered. Sign in with the new password and set up an authenticator again." : "The new password is set, but an operator must remove the authenticator.");
    },
  });
  const takeAway = form({
    fields: [user],
    submit: "Remove the authenticator",
    run: async (values) => {
      await cognito(
        "AdminDeleteSoftwareToken",
        { UserPoolId, Username: values.user },
        "This operation needs AWS credentials, so apps never call it. In a Region without it, AdminSetUserMFAPreference turns the factor off, unless the pool requires MFA.",
      );
      tell(takeAway, "The authenticator was removed. The password alone signs in until another one is set up.");
    },
  });
  place.replaceChildren(
    hasCustomAuth ? paragraph("In custom mode, sign in with a recovery code. Then remove the lost app and set up another.") : "",
    paragraph("In native mode, Cognito cannot recover a user who has lost the authenticator. The recovery API can, if the user has recovery codes."),
    subtitle("Lose it"),
    paragraph("This page deletes the secrets that it keeps for a user, as if the phone were lost."),
    lose,
    ...(hasRecovery ? [subtitle("Recover with a code"), paragraph("Create recovery codes beforehand under “Recovery codes”."), recover] : []),
    subtitle("As an administrator"),
    paragraph("First verify the user's identity by other means. This page does not check who the administrator is."),
    takeAway,
  );
}

/** Below the form that it is about. */
function tell(form, text) {
  form.querySelector(".notice")?.remove();
  form.append(notice(text));
}
