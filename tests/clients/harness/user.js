// Creates users through the pool's own API, for tests about subjects other than sign-up.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { SignIn } from '../journeys/harness/sign-in.js';
import { Authenticator } from './authenticator.js';

export const PASSWORD = 'Correct-Horse-9';

/** Returns an unused address. */
export function newAddress() {
  return `user-${randomBytes(6).toString('hex')}@example.com`;
}

/** Creates a confirmed user. */
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

/** Returns tokens of a user who has no second factor, by the pool's USER_PASSWORD_AUTH. */
export async function signIn(cloud, address) {
  const { AuthenticationResult } = await cloud.cognito('InitiateAuth', {
    AuthFlow: 'USER_PASSWORD_AUTH',
    ClientId: cloud.endpoints.clients.native.id,
    AuthParameters: { USERNAME: address, PASSWORD },
  });
  return AuthenticationResult;
}

/** Creates a confirmed user with a verified address, and a verified `phone` number if given. The user has
 * got no message so far. */
export async function createUser(cloud, { phone } = {}) {
  const { userPoolId: UserPoolId } = cloud.endpoints;
  const Username = newAddress();
  const attributes = { email: Username, email_verified: 'true' };
  if (phone !== undefined) Object.assign(attributes, { phone_number: phone, phone_number_verified: 'true' });
  const UserAttributes = Object.entries(attributes).map(([Name, Value]) => ({ Name, Value }));
  await cloud.cognito('AdminCreateUser', { UserPoolId, Username, MessageAction: 'SUPPRESS', UserAttributes });
  await cloud.cognito('AdminSetUserPassword', { UserPoolId, Username, Password: PASSWORD, Permanent: true });
  return Username;
}

/** Creates a user who set up an authenticator in the first sign-in at `custom`. Two codes of it are left. */
export async function enrolledUser(cloud) {
  const username = await createUser(cloud);
  const signIn = await begun(cloud, username);
  await signIn.answer('email');
  assert.equal(signIn.step, 'code', `${signIn.refusal}`);
  await signIn.answer(await cloud.code(username));
  assert.equal(signIn.step, 'enrol', `${signIn.refusal}`);
  const app = new Authenticator(signIn.shown.secret);
  await signIn.answer(await app.late());
  assert.ok(signIn.tokens, `${signIn.refusal ?? signIn.step}`);
  return { username, app, tokens: signIn.tokens };
}

/** Returns tokens of a sign-in at `custom` that proved two factors. They allow changes for five minutes.
 * `answer` is a code of an authenticator, or a recovery code. */
export async function signInProven(cloud, username, answer) {
  const signIn = await begun(cloud, username);
  await signIn.answer(answer);
  // A client may ask for another factor.
  if (signIn.step === 'begin' && signIn.factors.includes('email')) {
    await signIn.answer('email');
    await signIn.answer(await cloud.code(username));
  }
  assert.ok(signIn.tokens, `${signIn.refusal ?? signIn.step}`);
  const { mfa_level: level, mfa_at: at } = signIn.claims;
  assert.deepEqual([level, at !== undefined], ['2', true]);
  return signIn.tokens;
}

/** Creates a user with an authenticator, and returns tokens of a sign-in that proved it. One code of it is
 * left. */
export async function provenUser(cloud) {
  const { username, app } = await enrolledUser(cloud);
  return { username, app, tokens: await signInProven(cloud, username, app.next()) };
}

/** Returns tokens of a user who has Cognito's own authenticator, by USER_PASSWORD_AUTH and a code of it. */
export async function signInWithPoolApp(cloud, USERNAME, code) {
  const ClientId = cloud.endpoints.clients.native.id;
  const { ChallengeName, Session } = await cloud.cognito('InitiateAuth', {
    AuthFlow: 'USER_PASSWORD_AUTH',
    ClientId,
    AuthParameters: { USERNAME, PASSWORD },
  });
  assert.equal(ChallengeName, 'SOFTWARE_TOKEN_MFA');
  const { AuthenticationResult } = await cloud.cognito('RespondToAuthChallenge', {
    ChallengeName,
    ClientId,
    Session,
    ChallengeResponses: { USERNAME, SOFTWARE_TOKEN_MFA_CODE: code },
  });
  return AuthenticationResult;
}

/** Creates a user who set up Cognito's own authenticator through the MFA API and then signed in with it.
 * The API permits the set-up after a first sign-in by the password alone. One code is left. */
export async function poolUser(cloud) {
  const username = await createUser(cloud);
  const { AccessToken: token } = await signIn(cloud, username);
  const done = async (method, path, body) => {
    const response = await cloud.api(path, { token, method, body });
    assert.equal(response.status, 200, await response.clone().text());
    return response.json();
  };
  const app = new Authenticator((await done('POST', '/mfa/totp', {})).secret);
  await done('POST', '/mfa/totp/verify', { code: await app.late() });
  await done('PUT', '/mfa/preference', { totp: 'PREFERRED' });
  return { username, app, tokens: await signInWithPoolApp(cloud, username, app.next()) };
}

/** Starts a sign-in at `custom` that waits for its first answer after the password. */
async function begun(cloud, name) {
  const clients = { custom: { ...cloud.endpoints.clients.custom, custom: true } };
  const world = { cloud, clients, cognito: (...call) => cloud.cognito(...call) };
  const signIn = await new SignIn(world, 'custom', name).begin({ password: PASSWORD });
  assert.equal(signIn.step, 'begin', `${signIn.refusal ?? signIn.challenge}`);
  return signIn;
}
