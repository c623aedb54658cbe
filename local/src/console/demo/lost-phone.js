// The phone with the authenticator app is gone.

import { cognito } from "./calls.js";
import { endpoints, hasCustomAuth } from "./cloud.js";
import { form, notice, paragraph, subtitle } from "./form.js";
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
    paragraph("In native mode Cognito has no way back for a user whose authenticator is gone: nobody but an administrator can take it away."),
    subtitle("Lose it"),
    paragraph("This page forgets the secrets that it keeps for a user, as if the phone had fallen into the sea."),
    lose,
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
