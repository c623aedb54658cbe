// Sign-ins with custom factors through unmodified clients: Amplify v6, Amplify v5 and
// amazon-cognito-identity-js. Every event is delivered twice. The sign-in itself sets up a first
// authenticator, the MFA API sets up further factors.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AuthenticationDetails, CognitoUser, CognitoUserPool } from 'amazon-cognito-identity-js';
import { Auth } from 'amplify-auth-v5';
import { Amplify } from 'aws-amplify';
import { confirmSignIn, fetchAuthSession, signIn as amplifySignIn, signOut } from 'aws-amplify/auth';

import { Authenticator } from './harness/authenticator.js';
import { startCloud, temporaryFolder } from './harness/cloud.js';
import { Device } from './harness/device.js';
import { templateWith } from './harness/policy.js';
import { PASSWORD as password, createUser, provenUser, signIn, signUp } from './harness/user.js';

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
  Auth.configure({
    region: cloud.endpoints.region,
    userPoolId,
    userPoolWebClientId: clients.custom.id,
    endpoint: cognito,
    authenticationFlowType: 'CUSTOM_AUTH',
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

/** Returns a user with an authenticator and recovery codes. One code of the authenticator is left. */
async function enrolled() {
  const { username, app, tokens } = await provenUser(cloud);
  const { codes } = await call(tokens.AccessToken, 'POST', '/mfa/recovery-codes');
  return { username, codes, app };
}

/** Checks the output of the enrolment step. Returns the authenticator with its secret. */
function shownAuthenticator({ step, secret, uri, nonce }, username) {
  assert.equal(step, 'enrol');
  assert.match(secret, /^[A-Z2-7]{32}$/);
  assert.match(nonce, /^[0-9a-f]{32}$/);
  const { protocol, host, pathname, searchParams } = new URL(uri);
  assert.deepEqual([protocol, host, searchParams.get('secret')], ['otpauth:', 'totp', secret]);
  assert.ok(decodeURIComponent(pathname).endsWith(`:${username}`), uri);
  return new Authenticator(secret);
}

/** Checks that a factor set up in this sign-in is no evidence yet. */
function assertLevelOne({ mfa_level: level, mfa_at: at }) {
  assert.deepEqual([level, at], ['1', undefined]);
}

/** Checks that the factor is evidence from the next sign-in on. */
function assertLevelTwo({ mfa_level: level, mfa_at: at }) {
  assert.equal(level, '2');
  assert.ok(Math.abs(Date.now() / 1000 - at) < 60, `${at}`);
}

/** Enters the password and answers the first challenge. */
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
  test('the first sign-in sets up an authenticator, and the next one asks for it', async () => {
    const username = await createUser(cloud);
    let { nextStep } = await amplifySignIn({ username, password, options: withSrp });
    const answer = async (challengeResponse) => {
      const options = { clientMetadata: { nonce: nextStep.additionalInfo.nonce } };
      ({ nextStep } = await confirmSignIn({ challengeResponse, options }));
      return nextStep.additionalInfo;
    };
    assert.deepEqual([nextStep.additionalInfo.step, nextStep.additionalInfo.factors], ['begin', 'email']);
    await answer('email');
    const shown = await answer(await cloud.code(username));
    const app = shownAuthenticator(shown, username);
    const again = await answer(app.wrong());
    assert.deepEqual([again.step, again.secret], ['enrol', shown.secret], 'a wrong code leaves the secret as it is');
    assert.equal(Number(again.attemptsLeft), Number(shown.attemptsLeft) - 1);
    await answer(await app.late());
    assert.equal(nextStep.signInStep, 'DONE');
    assertLevelOne((await accessToken()).payload);
    await signOut();

    const next = await signInWith(username, app.next());
    assert.deepEqual([next.factors, next.step], ['totp', 'DONE']);
    assertLevelTwo((await accessToken()).payload);
    await signOut();
  });

  test('a code of an authenticator app, given at once; it is good once', async () => {
    const { username, app } = await enrolled();
    const code = app.next();
    const first = await signInWith(username, code);
    assert.deepEqual([first.factors, first.step], ['totp,recovery-code', 'DONE']);
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
    assert.deepEqual([signed.factors, signed.step], ['totp,recovery-code,trusted-device', 'DONE']);
    const other = await Device.make();
    const response = await cloud.api('/mfa/trusted-devices', {
      token: (await accessToken()).toString(),
      method: 'POST',
      body: { name: 'Other', publicKey: other.publicKey },
    });
    assert.deepEqual([response.status, (await response.json()).code], [401, 'second-factor-required']);
    await signOut();

    assert.equal((await signInWith(username, spent)).info.step, 'begin', 'a signature is for one sign-in');
    const foreign = Object.assign(other, { id: device.id, sub: device.sub, clientId: device.clientId });
    assert.equal((await signInWith(username, (info) => foreign.sign(info))).info.step, 'begin', 'another key');
    assert.equal((await signInWith(username, (info) => device.sign(info))).step, 'DONE');
    await signOut();

    assert.equal((await signInWith(username, codes[1])).step, 'DONE');
    await call((await accessToken()).toString(), 'POST', '/mfa/recovery-codes');
    await signOut();
    const gone = await signInWith(username, (info) => device.sign(info));
    assert.deepEqual([gone.factors, gone.info.step], ['totp,recovery-code', 'begin'], 'gone with a change of factors');
  });

  test('a user with a custom factor and none of Cognito’s gets no tokens at a native client', async () => {
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

  test('password, e-mail code, a first authenticator; then the password and a code of it', async () => {
    const username = await createUser(cloud);
    let app;
    const { session, answers } = await run(username, true, [
      () => 'email',
      () => cloud.code(username),
      (info) => ((app = shownAuthenticator(info, username)), app.wrong()),
      (info) => (assert.equal(info.step, 'enrol'), app.late()),
    ]);
    assert.deepEqual(answers, []);
    assert.ok(session.isValid());
    assertLevelOne(session.getAccessToken().payload);
    const next = await run(username, true, [(info) => (assert.equal(info.factors, 'totp'), app.next())]);
    assertLevelTwo(next.session.getAccessToken().payload);
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

test('Amplify v5: the first sign-in sets up an authenticator, and the next one asks for it', async () => {
  const username = await createUser(cloud);
  let user = await Auth.signIn(username, password);
  const answer = async (text) => {
    user = await Auth.sendCustomChallengeAnswer(user, text, { nonce: user.challengeParam.nonce });
    return user.challengeParam;
  };
  assert.deepEqual([user.challengeName, user.challengeParam.step], ['CUSTOM_CHALLENGE', 'begin']);
  await answer('email');
  const app = shownAuthenticator(await answer(await cloud.code(username)), username);
  assert.equal((await answer(app.wrong())).step, 'enrol');
  await answer(await app.late());
  assertLevelOne(user.getSignInUserSession().getAccessToken().payload);

  user = await Auth.signIn(username, password);
  assert.deepEqual([user.challengeParam.step, user.challengeParam.factors], ['begin', 'totp']);
  await answer(app.next());
  assertLevelTwo(user.getSignInUserSession().getAccessToken().payload);
});
