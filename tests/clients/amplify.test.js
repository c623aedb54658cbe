// The main flows with an unmodified Amplify v6.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Amplify } from 'aws-amplify';
import {
  confirmSignIn,
  confirmSignUp,
  fetchAuthSession,
  fetchMFAPreference,
  signIn,
  signOut,
  signUp,
  updateMFAPreference,
} from 'aws-amplify/auth';

import { Authenticator } from './harness/authenticator.js';
import { startCloud } from './harness/cloud.js';
import { verify } from './harness/tokens.js';
import { PASSWORD as password, newAddress } from './harness/user.js';

let cloud;

before(async () => {
  cloud = await startCloud();
  const { userPoolId, clients, cognito } = cloud.endpoints;
  Amplify.configure({
    Auth: { Cognito: { userPoolId, userPoolClientId: clients.native.id, userPoolEndpoint: cognito } },
  });
});

after(async () => {
  const end = await cloud.stop();
  assert.deepEqual({ code: end.code, survivors: end.survivors }, { code: 0, survivors: [] });
});

test('a user signs up, sets up an authenticator through the MFA API and signs in with it', async (t) => {
  const username = newAddress();
  let authenticator;
  let spentCode;

  await t.test('sign-up is confirmed with the code from the outbox', async () => {
    const { nextStep } = await signUp({ username, password, options: { userAttributes: { email: username } } });
    assert.equal(nextStep.signUpStep, 'CONFIRM_SIGN_UP');
    assert.equal(nextStep.codeDeliveryDetails.deliveryMedium, 'EMAIL');

    assert.equal((await signIn({ username, password })).nextStep.signInStep, 'CONFIRM_SIGN_UP');

    const { isSignUpComplete } = await confirmSignUp({ username, confirmationCode: await cloud.code(username) });
    assert.equal(isSignUpComplete, true);
  });

  await t.test('SRP with the right password signs in', async () => {
    assert.deepEqual((await signIn({ username, password })).nextStep, { signInStep: 'DONE' });
    await signOut();
  });

  await t.test("a wrong password is refused with Cognito's own error", async () => {
    await assert.rejects(signIn({ username, password: 'Wrong-Horse-9' }), {
      name: 'NotAuthorizedException',
      message: 'Incorrect username or password.',
    });
  });

  await t.test('the MFA API hands out a secret and takes its code', async () => {
    await signIn({ username, password });
    const token = await accessToken();

    const associated = await cloud.api('/mfa/totp', { token, method: 'POST', body: {} });
    assert.equal(associated.status, 200, await associated.clone().text());
    const { secret, uri } = await associated.json();
    assert.equal(new URL(uri).searchParams.get('secret'), secret);
    authenticator = new Authenticator(secret);

    const wrong = await cloud.api('/mfa/totp/verify', {
      token,
      method: 'POST',
      body: { code: authenticator.wrong(), friendlyDeviceName: 'My phone' },
    });
    assert.equal(wrong.status, 422, await wrong.clone().text());

    const verified = await cloud.api('/mfa/totp/verify', {
      token,
      method: 'POST',
      body: { code: await authenticator.late(), friendlyDeviceName: 'My phone' },
    });
    assert.ok(verified.ok, await verified.clone().text());
  });

  await t.test('the first factor is turned on after the password alone, and any change after it is not', async () => {
    const token = await accessToken();
    const put = (body) => cloud.api('/mfa/preference', { token, method: 'PUT', body });
    const first = await put({ totp: 'PREFERRED' });
    assert.ok(first.ok, await first.text());
    const second = await put({ totp: 'DISABLED' });
    assert.deepEqual([second.status, (await second.json()).code], [401, 'second-factor-required']);
    assert.deepEqual(await fetchMFAPreference(), { preferred: 'TOTP', enabled: ['TOTP'] });
    await signOut();
  });

  await t.test("Amplify's updateMFAPreference and our PUT /mfa/preference agree", async () => {
    await signIn({ username, password });
    const { nextStep } = await confirmSignIn({ challengeResponse: authenticator.next() });
    assert.equal(nextStep.signInStep, 'DONE');
    const token = await accessToken();
    const put = async (preference) => {
      const response = await cloud.api('/mfa/preference', { token, method: 'PUT', body: preference });
      assert.ok(response.ok, await response.text());
    };
    const get = async () => (await cloud.api('/mfa/preference', { token })).json();

    await updateMFAPreference({ totp: 'NOT_PREFERRED' });
    assert.deepEqual(await fetchMFAPreference(), { preferred: undefined, enabled: ['TOTP'] });
    await updateMFAPreference({ totp: 'PREFERRED' });
    assert.deepEqual(await fetchMFAPreference(), { preferred: 'TOTP', enabled: ['TOTP'] });
    assert.equal((await get()).totp, 'PREFERRED');

    await put({ totp: 'NOT_PREFERRED' });
    assert.deepEqual(await fetchMFAPreference(), { preferred: undefined, enabled: ['TOTP'] });
    assert.notEqual((await get()).totp, 'PREFERRED');

    await put({ totp: 'DISABLED' });
    assert.deepEqual(await fetchMFAPreference(), { preferred: undefined, enabled: undefined });
    assert.equal((await get()).totp, 'DISABLED');

    await put({ totp: 'PREFERRED' });
    assert.deepEqual(await fetchMFAPreference(), { preferred: 'TOTP', enabled: ['TOTP'] });
    assert.equal((await get()).totp, 'PREFERRED');
    await signOut();
  });

  await t.test('sign-in asks for the code, refuses a wrong one and takes the right one', async () => {
    const { nextStep } = await signIn({ username, password });
    assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');

    await assert.rejects(confirmSignIn({ challengeResponse: authenticator.wrong() }), {
      name: 'CodeMismatchException',
    });
    await assert.rejects(fetchAuthSession().then(({ tokens }) => assert.ok(tokens)), 'no tokens yet');

    spentCode = authenticator.next();
    const done = await confirmSignIn({ challengeResponse: spentCode });
    assert.deepEqual(done.nextStep, { signInStep: 'DONE' });
  });

  await t.test('the tokens verify against the key set that the pool serves', async () => {
    const { tokens } = await fetchAuthSession();
    const { access, id } = await verify(cloud, {
      accessToken: tokens.accessToken.toString(),
      idToken: tokens.idToken.toString(),
    });
    assert.equal(access.iss, cloud.issuer);
    assert.equal(access.scope, 'aws.cognito.signin.user.admin');
    assert.equal(id.email, username);
    assert.equal(id.sub, access.sub);
    await signOut();
  });

  await t.test('the same code does not work a second time', async () => {
    const { nextStep } = await signIn({ username, password });
    assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
    await assert.rejects(confirmSignIn({ challengeResponse: spentCode }), {
      name: 'ExpiredCodeException',
      message: 'Your software token has already been used once.',
    });
  });
});

async function accessToken() {
  return (await fetchAuthSession()).tokens.accessToken.toString();
}
