// A passkey as a factor of custom challenges: registered through the MFA API, used with unmodified Amplify v6.
// Every refusal is compared with the same answer that succeeds.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Amplify } from 'aws-amplify';
import { confirmSignIn, fetchAuthSession, signIn as amplifySignIn, signOut } from 'aws-amplify/auth';

import { startCloud, temporaryFolder } from './harness/cloud.js';
import { templateWith } from './harness/policy.js';
import { PASSWORD as password, createUser, enrolledUser, provenUser, signIn, signInProven } from './harness/user.js';
import { ORIGIN, newPasskeys } from './journeys/harness/passkey.js';

const folder = temporaryFolder();
const POLICY = `
[passkeys]
relying_party_id = "localhost"
origins = ["${ORIGIN}"]
[custom_auth.clients.custom]
factor_kinds = ["email", "sms", "totp", "recovery-code", "passkey"]
[governor]
cool_down_seconds = 1
`;
let cloud;

before(async () => {
  cloud = await startCloud(['--memory', '--template', templateWith(folder.path, POLICY)]);
  const { userPoolId, clients, cognito } = cloud.endpoints;
  Amplify.configure({
    Auth: { Cognito: { userPoolId, userPoolClientId: clients.custom.id, userPoolEndpoint: cognito } },
  });
});

after(async () => {
  folder.remove();
  await cloud.stop();
});

async function call(token, method, path, body) {
  const response = await cloud.api(path, { token, method, body });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}

async function done(token, method, path, body) {
  const answer = await call(token, method, path, body);
  assert.ok(answer.status < 300, JSON.stringify(answer));
  return answer.body;
}

/** Returns a user with a registered passkey. */
async function withPasskey() {
  const { username, tokens } = await provenUser(cloud);
  return { username, token: tokens.AccessToken, ...(await register(tokens.AccessToken)) };
}

async function register(token, device = newPasskeys(), name = 'Laptop') {
  const { publicKey } = await done(token, 'POST', '/mfa/passkeys', { name });
  const credential = device.createJSON(ORIGIN, publicKey);
  const { id } = await done(token, 'POST', '/mfa/passkeys/verify', { credential });
  return { device, id, credentialId: credential.id };
}

/** Enters the password and chooses the passkey. Returns what the challenge shows. */
async function asked(username) {
  await signOut();
  const { nextStep } = await amplifySignIn({ username, password, options: { authFlowType: 'CUSTOM_WITH_SRP' } });
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE');
  const { nonce, factors } = nextStep.additionalInfo;
  assert.ok(factors.split(',').includes('passkey'), factors);
  return answered('passkey', nonce);
}

async function answered(challengeResponse, nonce) {
  const { nextStep } = await confirmSignIn({ challengeResponse, options: { clientMetadata: { nonce } } });
  return { done: nextStep.signInStep === 'DONE', ...nextStep.additionalInfo };
}

/** Answers with a passkey, from a page of this origin. */
function answerOf(device, shown, origin = ORIGIN) {
  return JSON.stringify(device.getJSON(origin, JSON.parse(shown.publicKey)));
}

test('a passkey signs in beside the password, and again', async () => {
  const { username, device, token, id } = await withPasskey();
  const { passkeys } = await done(token, 'GET', '/mfa/passkeys');
  assert.deepEqual(passkeys.map((passkey) => [passkey.id, passkey.name]), [[id, 'Laptop']]);
  for (let times = 0; times < 2; times += 1) {
    const shown = await asked(username);
    assert.deepEqual([shown.step, shown.factor], ['code', 'passkey']);
    assert.equal(JSON.parse(shown.publicKey).userVerification, 'required');
    assert.ok((await answered(answerOf(device, shown), shown.nonce)).done);
    const { mfa_level: level, mfa_at: at } = (await fetchAuthSession()).tokens.accessToken.payload;
    assert.deepEqual([level, at !== undefined], ['3', true]);
    await signOut();
  }
});

test('an attacker with the password and a stolen answer gets no tokens', async () => {
  const owner = await withPasskey();
  const other = await withPasskey();
  const first = await asked(owner.username);
  const stolen = answerOf(owner.device, first);
  assert.ok((await answered(stolen, first.nonce)).done, 'the owner');
  await signOut();

  const shown = await asked(owner.username);
  const left = Number(shown.attemptsLeft);
  const refusals = [
    ['the answer of another sign-in', () => stolen],
    ['a page of another origin', (now) => answerOf(owner.device, now, 'http://localhost:3001')],
    [
      'the passkey of another user',
      (now) => {
        const allowCredentials = [{ type: 'public-key', id: other.credentialId }];
        const credential = other.device.getJSON(ORIGIN, { ...JSON.parse(now.publicKey), allowCredentials });
        assert.equal(credential.id, other.credentialId);
        return JSON.stringify(credential);
      },
    ],
  ];
  let now = shown;
  for (const [name, forge] of refusals) {
    now = await answered(forge(now), shown.nonce);
    assert.equal(now.done, false, name);
    assert.equal(now.step, 'code', name);
  }
  assert.equal(Number(now.attemptsLeft), left - refusals.length);
  assert.ok((await answered(answerOf(owner.device, now), shown.nonce)).done, 'the owner, in the next round');
  await signOut();
  console.log(`answers of an attacker: ${refusals.length} refused`);
});

test('a token without a second factor registers no passkey', async () => {
  const username = await createUser(cloud);
  const { AccessToken } = await signIn(cloud, username);
  const before = await call(AccessToken, 'POST', '/mfa/passkeys', { name: 'Thief' });
  assert.deepEqual([before.status, before.body.code], [401, 'second-factor-required']);

  // The sign-in that set up the authenticator proved one factor.
  const { username: owner, app, tokens } = await enrolledUser(cloud);
  const { AccessToken: stolen } = tokens;
  const { AccessToken: proven } = await signInProven(cloud, owner, app.next());
  const { publicKey } = await done(proven, 'POST', '/mfa/passkeys', { name: 'Laptop' });
  const credential = newPasskeys().createJSON(ORIGIN, publicKey);
  for (const [method, path, body] of [
    ['POST', '/mfa/passkeys', { name: 'Thief' }],
    ['POST', '/mfa/passkeys/verify', { credential }],
  ]) {
    const answer = await call(stolen, method, path, body);
    assert.deepEqual([answer.status, answer.body.code], [401, 'second-factor-required'], `${method} ${path}`);
  }
  await done(proven, 'POST', '/mfa/passkeys/verify', { credential });
  const again = await call(proven, 'POST', '/mfa/passkeys/verify', { credential });
  assert.equal(again.status, 404, 'a registration is used up');
});

test('a removed passkey signs in no more, and the name can change before', async () => {
  const { username, device, token, id } = await withPasskey();
  await done(token, 'PATCH', `/mfa/passkeys/${id}`, { name: 'Desk' });
  assert.equal((await done(token, 'GET', '/mfa/passkeys')).passkeys[0].name, 'Desk');
  const shown = await asked(username);
  const answer = answerOf(device, shown);
  await done(token, 'DELETE', `/mfa/passkeys/${id}`);
  const isSignedIn = await answered(answer, shown.nonce).then((now) => now.done, () => false);
  assert.equal(isSignedIn, false);
  await signOut();
  const { nextStep } = await amplifySignIn({ username, password, options: { authFlowType: 'CUSTOM_WITH_SRP' } });
  assert.equal(nextStep.additionalInfo.factors, 'totp');
});
