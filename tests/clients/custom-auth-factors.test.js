// Signing in with the factors that are ours: set up through the MFA API, proven through unmodified
// clients, Amplify v6 and amazon-cognito-identity-js, while every event is delivered twice.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AuthenticationDetails, CognitoUser, CognitoUserPool } from 'amazon-cognito-identity-js';
import { Amplify } from 'aws-amplify';
import { confirmSignIn, fetchAuthSession, signIn as amplifySignIn, signOut } from 'aws-amplify/auth';

import { Authenticator } from './harness/authenticator.js';
import { startCloud, temporaryFolder } from './harness/cloud.js';
import { Device } from './harness/device.js';
import { templateWith } from './harness/policy.js';
import { PASSWORD as password, signIn, signUp } from './harness/user.js';

const folder = temporaryFolder();
const withSrp = { authFlowType: 'CUSTOM_WITH_SRP' };
let cloud;
let pool;

before(async () => {
  cloud = await startCloud(['--memory', '--template', templateWith(folder.path, '[governor]\ncool_down_seconds = 1\n')]);
  const { userPoolId, clients, cognito, console: url } = cloud.endpoints;
  Amplify.configure({
    Auth: { Cognito: { userPoolId, userPoolClientId: clients.custom.id, userPoolEndpoint: cognito } },
  });
  pool = new CognitoUserPool({ UserPoolId: userPoolId, ClientId: clients.custom.id, endpoint: cognito });
  const answer = await fetch(`${url}/api/switches`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ triggerDelivery: 'overlapping' }),
  });
  assert.ok(answer.ok, await answer.text());
});

after(async () => {
  folder.remove();
  await cloud.stop();
});

async function call(token, method, path, body) {
  const response = await cloud.api(path, { token, method, body });
  const answer = await response.json();
  assert.ok(response.ok, JSON.stringify(answer));
  return answer;
}

/** A user with recovery codes and an authenticator app of ours. */
async function enrolled() {
  const username = await signUp(cloud);
  const token = (await signIn(cloud, username)).AccessToken;
  const { codes } = await call(token, 'POST', '/mfa/recovery-codes');
  const { id, secret } = await call(token, 'POST', '/mfa/authenticators', { name: 'Phone' });
  const app = new Authenticator(secret);
  await call(token, 'POST', `/mfa/authenticators/${id}/verify`, { code: app.next() });
  return { username, codes, app };
}

/** The password, and then an answer at once. */
async function signInWith(username, answer) {
  const { nextStep } = await amplifySignIn({ username, password, options: withSrp });
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE');
  const { additionalInfo } = nextStep;
  const challengeResponse = typeof answer === 'function' ? await answer(additionalInfo) : answer;
  const options = { clientMetadata: { nonce: additionalInfo.nonce } };
  const answered = await confirmSignIn({ challengeResponse, options });
  return { factors: additionalInfo.factors, step: answered.nextStep.signInStep, info: answered.nextStep.additionalInfo };
}

async function accessToken() {
  return (await fetchAuthSession()).tokens.accessToken;
}

describe('Amplify v6', () => {
  test('a code of an authenticator app, given at once; it is good once', async () => {
    const { username, app } = await enrolled();
    const code = app.next();
    const first = await signInWith(username, code);
    assert.deepEqual([first.factors, first.step], ['email,totp,recovery-code', 'DONE']);
    await signOut();
    const again = await signInWith(username, code);
    assert.deepEqual([again.info.step, again.info.nonce?.length], ['begin', 32]);
  });

  test('a recovery code; it is good once', async () => {
    const { username, codes } = await enrolled();
    assert.equal((await signInWith(username, codes[0].toLowerCase())).step, 'DONE');
    await signOut();
    assert.equal((await signInWith(username, codes[0])).info.step, 'begin');
    assert.equal((await signInWith(username, codes[1])).step, 'DONE');
    await signOut();
  });

  test('a trusted device, registered after a sign-in with a code, stands for the second factor', async () => {
    const { username, codes } = await enrolled();
    assert.equal((await signInWith(username, codes[0])).step, 'DONE');
    const device = await Device.make();
    await device.register(cloud, await accessToken());
    await signOut();

    let spent;
    const signed = await signInWith(username, async (info) => (spent = await device.sign(info)));
    assert.deepEqual([signed.factors, signed.step], ['email,totp,recovery-code,trusted-device', 'DONE']);
    const other = await Device.make();
    const response = await cloud.api('/mfa/trusted-devices', {
      token: (await accessToken()).toString(),
      method: 'POST',
      body: { name: 'Other', publicKey: other.publicKey },
    });
    assert.deepEqual([response.status, (await response.json()).code], [401, 'fresh-code-required']);
    await signOut();

    assert.equal((await signInWith(username, spent)).info.step, 'begin', 'a signature is for one sign-in');
    const foreign = Object.assign(other, { id: device.id, sub: device.sub, clientId: device.clientId });
    assert.equal((await signInWith(username, (info) => foreign.sign(info))).info.step, 'begin', 'another key');
    assert.equal((await signInWith(username, (info) => device.sign(info))).step, 'DONE');
    await call((await accessToken()).toString(), 'POST', '/mfa/recovery-codes');
    await signOut();
    const gone = await signInWith(username, (info) => device.sign(info));
    assert.deepEqual([gone.factors, gone.info.step], ['email,totp,recovery-code', 'begin'], 'gone with a change of factors');
  });

  test('a user who has a factor of ours and none of Cognito’s gets no tokens at a native client', async () => {
    const { username } = await enrolled();
    await assert.rejects(signIn(cloud, username), {
      name: 'UserLambdaValidationException',
      message: 'PreTokenGeneration failed with error Sign-in was not completed. Sign in again.',
    });
  });
});

describe('amazon-cognito-identity-js', () => {
  const steps = (user, done, fail, answers) => ({
    onSuccess: (session) => done({ session, answers }),
    onFailure: fail,
    customChallenge: async (info) => {
      try {
        const next = await answers.shift()(info);
        user.sendCustomChallengeAnswer(next, steps(user, done, fail, answers), { nonce: info.nonce });
      } catch (fault) {
        fail(fault);
      }
    },
  });

  function run(username, withPassword, answers) {
    const user = new CognitoUser({ Username: username, Pool: pool });
    user.setAuthenticationFlowType('CUSTOM_AUTH');
    const details = new AuthenticationDetails({ Username: username, Password: withPassword ? password : undefined });
    return new Promise((done, fail) => {
      const callbacks = steps(user, done, fail, answers);
      if (withPassword) user.authenticateUser(details, callbacks);
      else user.initiateAuth(details, callbacks);
    });
  }

  test('password, choice of a factor, a wrong code and a right one', async () => {
    const { username, app } = await enrolled();
    const seen = [];
    const { session, answers } = await run(username, true, [
      (info) => (seen.push(info.step), 'totp'),
      (info) => (seen.push(`${info.step} ${info.factor} ${info.attemptsLeft}`), app.wrong()),
      (info) => (seen.push(`${info.step} ${info.factor} ${info.attemptsLeft}`), app.next()),
    ]);
    assert.deepEqual(seen, ['begin', 'code totp 5', 'code totp 4']);
    assert.deepEqual(answers, []);
    assert.equal(session.getAccessToken().payload.client_id, cloud.endpoints.clients.custom.id);
  });

  test('password, then an e-mail code', async () => {
    const username = await signUp(cloud);
    const { session } = await run(username, true, [() => 'email', () => cloud.code(username)]);
    assert.ok(session.isValid());
  });

  test('tokens are refreshed without another proof', async () => {
    const { username, codes } = await enrolled();
    const { session } = await run(username, true, [() => codes[0]]);
    const { payload } = session.getAccessToken();
    const { AuthenticationResult } = await cloud.cognito('GetTokensFromRefreshToken', {
      ClientId: payload.client_id,
      RefreshToken: session.getRefreshToken().getToken(),
      DeviceKey: payload.device_key,
    });
    assert.ok(AuthenticationResult.AccessToken);
  });

  test('without the password nothing begins here', async () => {
    const username = await signUp(cloud);
    await assert.rejects(run(username, false, []), { name: 'NotAuthorizedException' });
  });
});
