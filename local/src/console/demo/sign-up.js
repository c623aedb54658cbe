// Signing up and confirming it.

import { cognito } from "./calls.js";
import { endpoints, signInWith } from "./cloud.js";
import { code, form, messageCode, paragraph, password } from "./form.js";
import { expectSignIn } from "./session.js";

const ClientId = endpoints.clients.native.id;

export const signUp = { id: "sign-up", title: "Sign up", forNobody: true, show: ask };

const email = { name: "email", label: "E-mail address", type: "email", autocomplete: "email" };
const phone = {
  name: "phone",
  label: "Phone number",
  type: "tel",
  autocomplete: "tel",
  placeholder: "+12025550123",
};

function ask(place) {
  const names = {
    email: [{ ...email, required: true }, { ...phone, label: "Phone number (optional, for codes by SMS)" }],
    phone: [{ ...phone, required: true }, { ...email, label: "E-mail address (optional)" }],
    username: [
      { name: "username", label: "User name", autocomplete: "username", required: true },
      { ...email, required: true },
      { ...phone, label: "Phone number (optional, for codes by SMS)" },
    ],
  };
  place.replaceChildren(
    paragraph("Use any address: no message leaves this machine."),
    form({
      fields: [
        ...names[signInWith],
        password("password", "Password", "new-password", { hint: "At least 8 characters: upper and lower case, a digit and a symbol." }),
      ],
      submit: "Sign up",
      run: async (values) => {
        const user = values.username ?? (signInWith === "phone" ? values.phone : values.email);
        const attributes = { email: values.email, phone_number: values.phone };
        const answer = await cognito(
          "SignUp",
          {
            ClientId,
            Username: user,
            Password: values.password,
            UserAttributes: Object.entries(attributes)
              .filter(([, value]) => value)
              .map(([Name, Value]) => ({ Name, Value })),
          },
          "pre-sign-up decides whether this user may sign up. Then a code is sent.",
        );
        expectSignIn({ user });
        if (answer.UserConfirmed) place.go("sign-in");
        else confirm(place, user, answer.CodeDeliveryDetails?.Destination ?? "*");
      },
      actions: [{ label: "I already have a code", run: () => askWho(place) }],
    }),
  );
}

function askWho(place) {
  place.replaceChildren(
    form({
      fields: [{ name: "user", label: "E-mail address, phone number or user name", autocomplete: "username", required: true }],
      submit: "Next",
      run: ({ user }) => confirm(place, user, user),
    }),
  );
}

export function confirm(place, user, destination) {
  place.replaceChildren(
    paragraph("We sent a code to ", code(destination), "."),
    form({
      fields: [messageCode({ address: destination })],
      submit: "Confirm",
      run: async (values) => {
        await cognito(
          "ConfirmSignUp",
          { ClientId, Username: user, ConfirmationCode: values.code },
          "The user is confirmed and the address is verified. post-confirmation records when.",
        );
        expectSignIn({ user });
        place.go("sign-in");
      },
      actions: [
        {
          label: "Send another code",
          run: async () => {
            const answer = await cognito("ResendConfirmationCode", { ClientId, Username: user });
            confirm(place, user, answer.CodeDeliveryDetails?.Destination ?? destination);
          },
        },
      ],
    }),
  );
  place.querySelector("input").focus();
}
