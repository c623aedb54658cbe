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
      tell(lose, "This page has no more codes for that user.");
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
      const { answer } = await api("POST", "/recovery", { body: begin }, "The same answer for everybody. Its secret is the only way on, and kept by nobody else.");
      const token = answer.secret;
      await api("POST", "/recovery/code", { token, body: { code: values.code } }, "A wrong password shows itself here, as a wrong code.");
      const { answer: end } = await api(
        "POST",
        "/recovery/password",
        { token, body: { oldPassword: values.old, password: values.password } },
        "The new password is set before the authenticator goes: at no moment is the old one enough.",
      );
      if (end.status === "recovered") removeSeeds(values.user);
      tell(recover, end.status === "recovered" ? "The account is recovered: sign in with the new password and set an authenticator up anew." : "The new password holds, but an operator has to take the authenticator away.");
    },
  });
  const takeAway = form({
    fields: [user],
    submit: "Take the authenticator away",
    run: async (values) => {
      await cognito(
        "AdminDeleteSoftwareToken",
        { UserPoolId, Username: values.user },
        "An operation for credentials of AWS, never for an app. Where a Region does not have it yet, AdminSetUserMFAPreference switches the factor off, if the pool does not require one.",
      );
      tell(takeAway, "The authenticator is gone: the password signs in until another one is set up.");
    },
  });
  place.replaceChildren(
    hasCustomAuth ? paragraph("In custom mode a recovery code signs in without it; then remove the lost app and set up another.") : "",
    paragraph("In native mode Cognito has no way back for a user whose authenticator is gone. The recovery API has one, for who kept recovery codes."),
    subtitle("Lose it"),
    paragraph("This page forgets the secrets that it keeps for a user, as if the phone had fallen into the sea."),
    lose,
    ...(hasRecovery ? [subtitle("Recover by a code"), paragraph("Made beforehand, under “Recovery codes”."), recover] : []),
    subtitle("As an administrator"),
    paragraph("After finding out, by other means, that it is really the user who asks. Here nobody checks who the administrator is."),
    takeAway,
  );
}

/** Below the form that it is about. */
function tell(form, text) {
  form.querySelector(".notice")?.remove();
  form.append(notice(text));
}
