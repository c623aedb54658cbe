// The main flows with an unmodified amazon-cognito-identity-js, the library under Amplify v5.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  AuthenticationDetails,
  CognitoUser,
  CognitoUserAttribute,
  CognitoUserPool,
} from 'amazon-cognito-identity-js';

import { Authenticator } from './harness/authenticator.js';
import { startCloud } from './harness/cloud.js';
import { verify } from './harness/tokens.js';
import { PASSWORD as password, newAddress } from './harness/user.js';

let cloud;
let pool;

before(async () => {
  cloud = await startCloud();
  pool = new CognitoUserPool({
    UserPoolId: cloud.endpoints.userPoolId,
    ClientId: cloud.endpoints.clients.native.id,
    endpoint: cloud.endpoints.cognito,
  });
});

after(async () => {
  const end = await cloud.stop();
  assert.deepEqual({ code: end.code, survivors: end.survivors }, { code: 0, survivors: [] });
});

test('a user signs up, sets up an authenticator through the MFA API and signs in with it', async (t) => {
  const username = newAddress();
  const user = () => new CognitoUser({ Username: username, Pool: pool });
  let session;
  let authenticator;
  let spentCode;

  await t.test('sign-up is confirmed with the code from the outbox', async () => {
    const email = new CognitoUserAttribute({ Name: 'email', Value: username });
    const { userConfirmed } = await result((done) => pool.signUp(username, password, [email], [], done));
    assert.equal(userConfirmed, false);

    await assert.rejects(signIn(user()), { name: 'UserNotConfirmedException' });

    const code = await cloud.code(username);
    assert.equal(await result((done) => user().confirmRegistration(code, false, done)), 'SUCCESS');
  });

  await t.test('SRP with the right password signs in', async () => {
    const answer = await signIn(user());
    assert.equal(answer.step, 'signed in');
    session = answer.session;
  });

  await t.test("a wrong password is refused with Cognito's own error", async () => {
    await assert.rejects(signIn(user(), 'Wrong-Horse-9'), {
      name: 'NotAuthorizedException',
      message: 'Incorrect username or password.',
    });
  });

  await t.test('the MFA API hands out a secret and takes its code', async () => {
    const token = session.getAccessToken().getJwtToken();
    const associated = await cloud.api('/mfa/totp', { token, method: 'POST', body: {} });
    assert.equal(associated.status, 200, await associated.clone().text());
    authenticator = new Authenticator((await associated.json()).secret);

    const verified = await cloud.api('/mfa/totp/verify', {
      token,
      method: 'POST',
      body: { code: authenticator.next(), friendlyDeviceName: 'My phone' },
    });
    assert.ok(verified.ok, await verified.clone().text());
  });

  await t.test("the client's setUserMfaPreference and our preference agree", async () => {
    const signedIn = user();
    signedIn.setSignInUserSession(session);
    const token = session.getAccessToken().getJwtToken();
    const preferred = { PreferredMfa: true, Enabled: true };
    assert.equal(
      await result((done) => signedIn.setUserMfaPreference(null, preferred, done)),
      'SUCCESS',
    );
    const preference = await (await cloud.api('/mfa/preference', { token })).json();
    assert.equal(preference.totp, 'PREFERRED');

    const data = await result((done) => signedIn.getUserData(done, { bypassCache: true }));
    assert.equal(data.PreferredMfaSetting, 'SOFTWARE_TOKEN_MFA');
  });

  await t.test('sign-in asks for the code, refuses a wrong one and takes the right one', async () => {
    const signingIn = user();
    assert.equal((await signIn(signingIn)).step, 'totpRequired');
    await assert.rejects(answerTotp(signingIn, authenticator.wrong()), { name: 'CodeMismatchException' });

    spentCode = authenticator.next();
    const answer = await answerTotp(signingIn, spentCode);
    assert.equal(answer.step, 'signed in');
    session = answer.session;
  });

  await t.test('the tokens verify against the key set that the pool serves', async () => {
    const { access, id } = await verify(cloud, {
      accessToken: session.getAccessToken().getJwtToken(),
      idToken: session.getIdToken().getJwtToken(),
    });
    assert.equal(access.iss, cloud.issuer);
    assert.equal(id.email, username);
  });

  await t.test('the refresh token gives new tokens', async () => {
    const renewed = await result((done) => user().refreshSession(session.getRefreshToken(), done));
    const { access } = await verify(cloud, {
      accessToken: renewed.getAccessToken().getJwtToken(),
      idToken: renewed.getIdToken().getJwtToken(),
    });
    assert.equal(access.auth_time, session.getAccessToken().decodePayload().auth_time);
    assert.notEqual(access.jti, session.getAccessToken().decodePayload().jti);
  });

  await t.test('the same code does not work a second time', async () => {
    const signingIn = user();
    assert.equal((await signIn(signingIn)).step, 'totpRequired');
    await assert.rejects(answerTotp(signingIn, spentCode), {
      name: 'ExpiredCodeException',
      message: 'Your software token has already been used once.',
    });
  });
});

function signIn(user, secret = password) {
  const details = new AuthenticationDetails({ Username: user.getUsername(), Password: secret });
  return step((callbacks) => user.authenticateUser(details, callbacks));
}

function answerTotp(user, code) {
  return step((callbacks) => user.sendMFACode(code, callbacks, 'SOFTWARE_TOKEN_MFA'));
}

/** Returns the result of a library call: a session, a further challenge or an error. */
function step(call) {
  return new Promise((resolve, reject) => {
    const challenge = (name) => () => resolve({ step: name });
    call({
      onSuccess: (session) => resolve({ step: 'signed in', session }),
      onFailure: reject,
      totpRequired: challenge('totpRequired'),
      mfaRequired: challenge('mfaRequired'),
      mfaSetup: challenge('mfaSetup'),
      selectMFAType: challenge('selectMFAType'),
    });
  });
}

/** Returns the result of a call that takes a Node-style callback. */
function result(call) {
  return new Promise((resolve, reject) => {
    call((error, value) => (error ? reject(error) : resolve(value)));
  });
}
