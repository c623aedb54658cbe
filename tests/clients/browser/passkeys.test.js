// USER_AUTH and passkeys with unmodified Amplify v6 in a real headless Chromium, whose authenticator is virtual:
// automatic sign-in, each preferred challenge, the choice, registration, list, deletion, passkey as MFA.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startAmplifyPage } from '../harness/amplify-page.js';
import { Authenticator } from '../harness/authenticator.js';
import { startCloud } from '../harness/cloud.js';
import { PASSWORD as password, newAddress } from '../harness/user.js';

const DONE = 'DONE';
const PHONE = '+12025550123';
const DOMAIN = { RelyingPartyId: 'localhost' };

let amplify;
let cloud;
let device;
let pool;

before(async () => {
  cloud = await startCloud();
  amplify = await startAmplifyPage();
  pool = await createPool(['PASSWORD', 'EMAIL_OTP', 'SMS_OTP', 'WEB_AUTHN']);
  device = await amplify.plugIn();
});

after(async () => {
  await amplify?.close();
  const end = await cloud.stop();
  assert.deepEqual({ code: end.code, survivors: end.survivors }, { code: 0, survivors: [] });
});

/** Creates a pool with a client for USER_AUTH, and points Amplify at them. */
async function createPool(allowed) {
  const { UserPool } = await cloud.cognito('CreateUserPool', {
    PoolName: 'passkeys',
    AutoVerifiedAttributes: ['email'],
    UsernameAttributes: ['email'],
    SmsConfiguration: { SnsCallerArn: 'arn:aws:iam::111122223333:role/sms' },
    Policies: { SignInPolicy: { AllowedFirstAuthFactors: allowed } },
  });
  const UserPoolId = UserPool.Id;
  await cloud.cognito('SetUserPoolMfaConfig', { UserPoolId, WebAuthnConfiguration: DOMAIN });
  const { UserPoolClient } = await cloud.cognito('CreateUserPoolClient', {
    UserPoolId,
    ClientName: 'browser',
    PreventUserExistenceErrors: 'ENABLED',
    ExplicitAuthFlows: ['ALLOW_USER_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
  });
  const userPoolClientId = UserPoolClient.ClientId;
  await amplify.configure({ userPoolId: UserPoolId, userPoolClientId, userPoolEndpoint: cloud.endpoints.cognito });
  return UserPoolId;
}

function signIn(username, options = {}) {
  return amplify.call('signIn', { username, ...options, options: { authFlowType: 'USER_AUTH', ...options.options } });
}

function preferring(preferredChallenge) {
  return { options: { preferredChallenge } };
}

async function signOut() {
  await amplify.call('signOut');
}

/** Signs a new user up. The user stays signed in. */
async function signUp() {
  const username = newAddress();
  const started = await amplify.call('signUp', {
    username,
    password,
    options: {
      userAttributes: { email: username, phone_number: PHONE },
      autoSignIn: { authFlowType: 'USER_AUTH' },
    },
  });
  assert.equal(started.nextStep.signUpStep, 'CONFIRM_SIGN_UP');
  const confirmationCode = await cloud.code(username);
  const confirmed = await amplify.call('confirmSignUp', { username, confirmationCode });
  assert.equal(confirmed.nextStep.signUpStep, 'COMPLETE_AUTO_SIGN_IN');
  const { nextStep } = await amplify.call('autoSignIn');
  assert.equal(nextStep.signInStep, DONE);
  return username;
}

let user;

test('a sign-up ends signed in, by its session', async () => {
  user = await signUp();
  assert.ok(await amplify.accessToken());
});

test('a passkey is registered and listed; the browser refuses a second one on the same device', async () => {
  await amplify.call('associateWebAuthnCredential');
  const { credentials } = await amplify.call('listWebAuthnCredentials');
  assert.equal(credentials.length, 1);
  const [passkey] = credentials;
  const [held] = await device.credentials();
  assert.equal(passkey.credentialId, Buffer.from(held.credentialId, 'base64').toString('base64url'));
  assert.equal(passkey.relyingPartyId, 'localhost');
  assert.deepEqual(passkey.authenticatorTransports, ['internal']);
  assert.equal(passkey.authenticatorAttachment, 'platform');
  await assert.rejects(amplify.call('associateWebAuthnCredential'), { name: 'PasskeyAlreadyExists' });
  await signOut();
});

for (const challenge of ['PASSWORD', 'PASSWORD_SRP']) {
  test(`${challenge} as preferred challenge`, async () => {
    const { nextStep } = await signIn(user, { password, ...preferring(challenge) });
    assert.equal(nextStep.signInStep, DONE);
    await signOut();
    await assert.rejects(signIn(user, { password: 'Wrong-Horse-9', ...preferring(challenge) }), {
      name: 'NotAuthorizedException',
    });
  });
}

for (const [challenge, step] of [
  ['EMAIL_OTP', 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE'],
  ['SMS_OTP', 'CONFIRM_SIGN_IN_WITH_SMS_CODE'],
]) {
  test(`${challenge} as preferred challenge`, async () => {
    const { nextStep } = await signIn(user, preferring(challenge));
    assert.equal(nextStep.signInStep, step);
    await assert.rejects(amplify.call('confirmSignIn', { challengeResponse: '00000000' }), {
      name: 'CodeMismatchException',
    });
    const challengeResponse = await cloud.code(challenge === 'SMS_OTP' ? PHONE : user);
    const done = await amplify.call('confirmSignIn', { challengeResponse });
    assert.equal(done.nextStep.signInStep, DONE);
    await signOut();
  });
}

test('WEB_AUTHN as preferred challenge; the counter rises', async () => {
  const [before] = await device.credentials();
  const { nextStep } = await signIn(user, preferring('WEB_AUTHN'));
  assert.equal(nextStep.signInStep, DONE);
  const [after] = await device.credentials();
  assert.ok(after.signCount > before.signCount);
  await signOut();
});

test('without a preference the user chooses, and each choice signs in', async () => {
  for (const challengeResponse of ['WEB_AUTHN', 'EMAIL_OTP', 'PASSWORD', 'PASSWORD_SRP']) {
    const { nextStep } = await signIn(user);
    assert.equal(nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION');
    assert.deepEqual(new Set(nextStep.availableChallenges), new Set([
      'PASSWORD', 'PASSWORD_SRP', 'EMAIL_OTP', 'SMS_OTP', 'WEB_AUTHN',
    ]));
    let step = (await amplify.call('confirmSignIn', { challengeResponse })).nextStep.signInStep;
    if (step === 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE') {
      const code = await cloud.code(user);
      step = (await amplify.call('confirmSignIn', { challengeResponse: code })).nextStep.signInStep;
    } else if (step === 'CONFIRM_SIGN_IN_WITH_PASSWORD') {
      step = (await amplify.call('confirmSignIn', { challengeResponse: password })).nextStep.signInStep;
    }
    assert.equal(step, DONE, challengeResponse);
    await signOut();
  }
});

test('a cloned passkey is refused', async () => {
  const [held] = await device.credentials();
  await device.unplug();
  const clone = await amplify.plugIn();
  await clone.add({ ...held, signCount: 0 });
  await assert.rejects(signIn(user, preferring('WEB_AUTHN')), { name: 'NotAuthorizedException' });
  await clone.unplug();
  device = await amplify.plugIn();
  await device.add({ ...held, signCount: held.signCount + 10 });
  assert.equal((await signIn(user, preferring('WEB_AUTHN'))).nextStep.signInStep, DONE);
});

test('a deleted passkey is no longer offered', async () => {
  const { credentials } = await amplify.call('listWebAuthnCredentials');
  await amplify.call('deleteWebAuthnCredential', { credentialId: credentials[0].credentialId });
  assert.deepEqual((await amplify.call('listWebAuthnCredentials')).credentials, []);
  await signOut();
  const { nextStep } = await signIn(user, preferring('WEB_AUTHN'));
  assert.equal(nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION');
  assert.ok(!nextStep.availableChallenges.includes('WEB_AUTHN'));
});

for (const state of ['OPTIONAL', 'ON']) {
  test(`a passkey with user verification is MFA in a pool with MFA ${state}`, async () => {
    const UserPoolId = await createPool(['PASSWORD', 'WEB_AUTHN']);
    const username = newAddress();
    await cloud.cognito('AdminCreateUser', {
      UserPoolId,
      Username: username,
      MessageAction: 'SUPPRESS',
      UserAttributes: [{ Name: 'email', Value: username }],
    });
    await cloud.cognito('AdminSetUserPassword', {
      UserPoolId, Username: username, Password: password, Permanent: true,
    });
    await signIn(username, { password, ...preferring('PASSWORD_SRP') });
    await amplify.call('associateWebAuthnCredential');
    await cloud.cognito('SetUserPoolMfaConfig', {
      UserPoolId,
      MfaConfiguration: state,
      SoftwareTokenMfaConfiguration: { Enabled: true },
      WebAuthnConfiguration: { ...DOMAIN, FactorConfiguration: 'MULTI_FACTOR_WITH_USER_VERIFICATION' },
    });
    const { sharedSecret } = await amplify.call('setUpTOTP');
    const phone = new Authenticator(sharedSecret);
    await amplify.call('verifyTOTPSetup', { code: phone.next() });
    await amplify.call('updateMFAPreference', { totp: 'PREFERRED' });
    // Amplify has no switch for passkey MFA.
    const AccessToken = await amplify.accessToken();
    await cloud.cognito('SetUserMFAPreference', { AccessToken, WebAuthnMfaSettings: { Enabled: true } });
    await signOut();

    assert.equal((await signIn(username, preferring('WEB_AUTHN'))).nextStep.signInStep, DONE);
    await signOut();
    const asked = await signIn(username, { password, ...preferring('PASSWORD') });
    assert.equal(asked.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
    await device.setUserVerified(false);
    await assert.rejects(signIn(username, preferring('WEB_AUTHN')), { name: /Passkey|NotAllowed/ });
    await device.setUserVerified(true);
  });
}
