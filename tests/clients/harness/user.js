// Users by the pool's own API, for tests that are about something else than signing up.
import { randomBytes } from 'node:crypto';

export const PASSWORD = 'Correct-Horse-9';

/** An address that nobody used before. */
export function newAddress() {
  return `user-${randomBytes(6).toString('hex')}@example.com`;
}

/** A confirmed user. */
export async function signUp(cloud, address = newAddress()) {
  const ClientId = cloud.endpoints.clients.native.id;
  await cloud.cognito('SignUp', {
    ClientId,
    Username: address,
    Password: PASSWORD,
    UserAttributes: [{ Name: 'email', Value: address }],
  });
  await cloud.cognito('ConfirmSignUp', {
    ClientId,
    Username: address,
    ConfirmationCode: await cloud.code(address),
  });
  return address;
}

/** Tokens of a user who has no second factor, by the pool's USER_PASSWORD_AUTH. */
export async function signIn(cloud, address) {
  const { AuthenticationResult } = await cloud.cognito('InitiateAuth', {
    AuthFlow: 'USER_PASSWORD_AUTH',
    ClientId: cloud.endpoints.clients.native.id,
    AuthParameters: { USERNAME: address, PASSWORD },
  });
  return AuthenticationResult;
}
