// Custom challenges through an unmodified Amplify v6. The pool delivers every event twice at the same time.
// Each code arrives once, and every step works.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Amplify } from 'aws-amplify';
import { confirmSignIn, fetchAuthSession, signIn, signOut } from 'aws-amplify/auth';

import { startCloud, temporaryFolder } from './harness/cloud.js';
import { templateWith } from './harness/policy.js';
import { newAddress, PASSWORD as password, signUp } from './harness/user.js';

const folder = temporaryFolder();
const policy = `
  [governor]
  cool_down_seconds = 1
  [custom_auth]
  resend_after_seconds = 1
  [custom_auth.clients.custom]
  first_step = "passwordless"
`;
const challenge = 'CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE';
// As long as only a name is known, a client shows every kind of factor that it accepts.
const everyKind = 'email,sms,totp,recovery-code,trusted-device';
let cloud;
let phones = 0;

before(async () => {
  cloud = await startCloud(['--memory', '--template', templateWith(folder.path, policy)]);
  const { userPoolId, clients, cognito, console: url } = cloud.endpoints;
  Amplify.configure({
    Auth: { Cognito: { userPoolId, userPoolClientId: clients.custom.id, userPoolEndpoint: cognito } },
  });
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

const withoutSrp = { authFlowType: 'CUSTOM_WITHOUT_SRP' };

/** Returns a confirmed user who also has a verified phone number. */
async function newUser() {
  const username = await signUp(cloud);
  phones += 1;
  const phone = `+12025550${String(100 + phones)}`;
  await cloud.cognito('AdminUpdateUserAttributes', {
    UserPoolId: cloud.endpoints.userPoolId,
    Username: username,
    UserAttributes: [
      { Name: 'phone_number', Value: phone },
      { Name: 'phone_number_verified', Value: 'true' },
    ],
  });
  return { username, phone };
}

/** Makes one sign-in, step by step. Every answer names it, as docs/app-developers/custom-challenges.md
 * says. */
async function begin(input) {
  let { nextStep } = await signIn(input);
  const sign = { info: nextStep.additionalInfo, step: nextStep.signInStep };
  sign.answer = async (challengeResponse, metadata = {}) => {
    const options = { clientMetadata: { nonce: sign.info.nonce, ...metadata } };
    ({ nextStep } = await confirmSignIn({ challengeResponse, options }));
    sign.info = nextStep.additionalInfo ?? sign.info;
    sign.step = nextStep.signInStep;
    return sign.info;
  };
  return sign;
}

function otherThan(code) {
  return String((Number(code) + 1) % 1_000_000).padStart(6, '0');
}

async function assertSignedIn(sign) {
  assert.equal(sign.step, 'DONE');
  const { tokens } = await fetchAuthSession();
  assert.equal(tokens.accessToken.payload.client_id, cloud.endpoints.clients.custom.id);
  await signOut();
}

test('an e-mail code signs in without a password', async () => {
  const { username } = await newUser();
  const sign = await begin({ username, options: withoutSrp });
  assert.equal(sign.step, challenge);
  assert.equal(sign.info.step, 'begin');
  assert.equal(sign.info.factors, everyKind);
  assert.match(sign.info.nonce, /^[0-9a-f]{32}$/);
  assert.equal((await cloud.messages(username)).length, 1, 'begin sends nothing: there is the sign-up code only');

  const info = await sign.answer('email', { locale: 'de' });
  assert.equal(sign.step, challenge);
  const { step, factor, destination, codeLength, attemptsLeft } = info;
  assert.deepEqual(
    { step, factor, destination, codeLength, attemptsLeft },
    { step: 'code', factor: 'email', destination: 'u***@e***', codeLength: '6', attemptsLeft: '5' },
  );
  assert.ok(Number(info.expiresIn) > 170 && Number(info.canResendIn) <= 1, JSON.stringify(info));
  await sign.answer(await cloud.code(username));
  await assertSignedIn(sign);
  const messages = await cloud.messages(username);
  assert.equal(messages.length, 2, 'one code, although every event came twice');
  assert.ok(messages[1].text.includes('anzumelden'), messages[1].text);
});

test('an SMS code signs in without a password', async () => {
  const { username, phone } = await newUser();
  const sign = await begin({ username, options: withoutSrp });
  const info = await sign.answer('sms');
  assert.equal(info.destination, `+*******${phone.slice(-4)}`);
  await sign.answer(await cloud.code(phone));
  await assertSignedIn(sign);
  assert.equal((await cloud.messages(phone)).length, 1);
});

test('password by SRP, then an e-mail code', async () => {
  const { username } = await newUser();
  const sign = await begin({ username, password, options: { authFlowType: 'CUSTOM_WITH_SRP' } });
  assert.equal(sign.info.step, 'begin');
  await sign.answer('email');
  await sign.answer(await cloud.code(username));
  await assertSignedIn(sign);
});

test('a wrong password gets no challenge', async () => {
  const { username } = await newUser();
  await assert.rejects(
    signIn({ username, password: 'Wrong-Horse-9', options: { authFlowType: 'CUSTOM_WITH_SRP' } }),
    { name: 'NotAuthorizedException' },
  );
});

test('wrong, then right', async () => {
  const { username } = await newUser();
  const sign = await begin({ username, options: withoutSrp });
  await sign.answer('email');
  const code = await cloud.code(username);
  const info = await sign.answer(otherThan(code));
  assert.deepEqual([info.step, info.factor, info.attemptsLeft], ['code', 'email', '4']);
  await sign.answer(`${code.slice(0, 3)} ${code.slice(3)}`);
  await assertSignedIn(sign);
});

test('out of tries: the right code comes too late', async () => {
  const { username } = await newUser();
  const sign = await begin({ username, options: withoutSrp });
  await sign.answer('email');
  const code = await cloud.code(username);
  for (const left of ['4', '3', '2', '1']) {
    assert.equal((await sign.answer(otherThan(code))).attemptsLeft, left);
  }
  await assert.rejects(sign.answer(otherThan(code)), {
    name: 'NotAuthorizedException',
    message: 'Incorrect username or password.',
  });
  await assert.rejects(sign.answer(code));
  assert.equal((await cloud.messages(username)).length, 2, 'sign-up, and one code for all tries');
});

test('another code replaces the first and leaves the count as it is', async () => {
  const { username } = await newUser();
  const sign = await begin({ username, options: withoutSrp });
  await sign.answer('email');
  const first = await cloud.code(username);
  await sign.answer(otherThan(first));
  await setTimeout(1100);
  const info = await sign.answer('RESEND');
  assert.deepEqual([info.step, info.factor, info.attemptsLeft], ['code', 'email', '4']);
  const second = await cloud.code(username);
  if (first !== second) {
    assert.equal((await sign.answer(first)).attemptsLeft, '3');
  }
  await sign.answer(second);
  await assertSignedIn(sign);
  assert.equal((await cloud.messages(username)).length, 3);
});

test('back to the choice, and by another factor', async () => {
  const { username, phone } = await newUser();
  const sign = await begin({ username, options: withoutSrp });
  await sign.answer('email');
  const email = await cloud.code(username);
  const wrong = await sign.answer(otherThan(email));
  assert.equal(wrong.attemptsLeft, '4');
  const info = await sign.answer('BACK');
  assert.deepEqual([info.step, info.factors], ['begin', everyKind]);
  assert.equal((await sign.answer('sms')).attemptsLeft, '4', 'going back gives no tries back');
  const sms = await cloud.code(phone);
  if (sms !== email) assert.equal((await sign.answer(email)).factor, 'sms');
  await sign.answer(sms);
  await assertSignedIn(sign);
});

test('what is no answer changes nothing', async () => {
  const { username } = await newUser();
  const sign = await begin({ username, options: withoutSrp });
  for (const answer of ['EMAIL_OTP', 'trusted-device', 'RESEND', '{}']) {
    assert.equal((await sign.answer(answer)).step, 'begin', answer);
  }
  // A factor that this user lacks is requested like one that they have.
  for (const factor of ['totp', 'recovery-code']) {
    const { step, factor: asked } = await sign.answer(factor);
    assert.deepEqual([step, asked], ['code', factor]);
    assert.equal((await sign.answer('BACK')).step, 'begin');
  }
  assert.equal((await sign.answer('email')).attemptsLeft, '5', 'nothing so far was a try');
  const code = await cloud.code(username);
  for (const answer of ['sms', 'hello']) {
    const info = await sign.answer(answer);
    assert.deepEqual([info.factor, info.attemptsLeft], ['email', '5'], answer);
  }
  await sign.answer(code);
  await assertSignedIn(sign);
});

test('at the choice a code of an authenticator is a try, also of a user who has none', async () => {
  const { username } = await newUser();
  const sign = await begin({ username, options: withoutSrp });
  assert.equal((await sign.answer('123456')).step, 'begin');
  assert.equal((await sign.answer('email')).attemptsLeft, '4');
  await sign.answer(await cloud.code(username));
  await assertSignedIn(sign);
});

test('a name that is no user’s is played on, and never let in', async () => {
  const username = newAddress();
  const sign = await begin({ username, options: withoutSrp });
  assert.deepEqual([sign.info.step, sign.info.factors], ['begin', everyKind]);
  const info = await sign.answer('email');
  const { step, factor, destination, codeLength, attemptsLeft } = info;
  assert.deepEqual(
    { step, factor, destination, codeLength, attemptsLeft },
    { step: 'code', factor: 'email', destination: 'u***@e***', codeLength: '6', attemptsLeft: '5' },
  );
  for (const left of ['4', '3', '2', '1']) assert.equal((await sign.answer('123456')).attemptsLeft, left);
  await assert.rejects(sign.answer('123456'), { name: 'NotAuthorizedException' });
  assert.deepEqual(await cloud.messages(username), []);
});
