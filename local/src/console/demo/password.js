// A signed-in user changes the password.

import { cognito } from "./calls.js";
import { form, notice, password as passwordField } from "./form.js";
import { session } from "./session.js";

export const password = { id: "password", title: "Password", forUsers: true, show: ask };

function ask(place) {
  place.replaceChildren(
    form({
      fields: [
        passwordField("previous", "Current password", "current-password"),
        passwordField("proposed", "New password", "new-password"),
      ],
      submit: "Change the password",
      run: async (values) => {
        const { AccessToken } = session();
        const parameters = { AccessToken, PreviousPassword: values.previous, ProposedPassword: values.proposed };
        await cognito("ChangePassword", parameters, "Cognito does not end the user's other sessions.");
        ask(place);
        place.append(notice("The password was changed."));
      },
    }),
  );
}
