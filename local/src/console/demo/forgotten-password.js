// A forgotten password, replaced by a code to a verified address.

import { cognito } from "./calls.js";
import { endpoints } from "./cloud.js";
import { code, form, messageCode, paragraph, password } from "./form.js";
import { expectSignIn } from "./session.js";

const ClientId = endpoints.clients.native.id;

export const forgottenPassword = { id: "forgotten-password", title: "Forgot password", forNobody: true, show: ask };

function ask(place) {
  place.replaceChildren(
    paragraph("We send a code to your verified address. The response is the same for users that do not exist."),
    form({
      fields: [
        { name: "user", label: "E-mail address, phone number or user name", autocomplete: "username", required: true },
      ],
      submit: "Send a code",
      run: async ({ user }) => {
        const answer = await cognito("ForgotPassword", { ClientId, Username: user });
        replace(place, user, answer.CodeDeliveryDetails.Destination);
      },
    }),
  );
}

function replace(place, user, destination) {
  place.replaceChildren(
    paragraph("We sent a code to ", code(destination), "."),
    form({
      fields: [messageCode({ address: destination }), password("password", "New password", "new-password")],
      submit: "Set the password",
      run: async (values) => {
        const parameters = { ClientId, Username: user, ConfirmationCode: values.code, Password: values.password };
        await cognito(
          "ConfirmForgotPassword",
          parameters,
          "A new password does not remove the second factor. The next sign-in asks for it as before.",
        );
        expectSignIn({ user });
        place.go("sign-in");
      },
    }),
  );
  place.querySelector("input").focus();
}
