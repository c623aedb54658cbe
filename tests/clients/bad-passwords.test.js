// Enters a thousand bad passwords at the native client, with and without back-off. An attacker who knows a
// name must affect neither the custom factors nor a trusted device.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { Amplify } from 'aws-amplify';
import { confirmSignIn, fetchAuthSession, signIn as amplifySignIn, signOut } from 'aws-amplify/auth';

import { startCloud, temporaryFolder } from './harness/cloud.js';
import { Device } from './harness/device.js';
import { templateWith } from './harness/policy.js';
import { provenUser } from './harness/user.js';

const folder = temporaryFolder();
const clouds = [];

after(async () => {
  folder.remove();
  await Promise.all(clouds.map((cloud) => cloud.stop()));
});

async function cloudWith(policy) {
  const factors = '[custom_auth.clients.custom]\nfirst_step = "passwordless"\nfactors = 2\n';
  const template = templateWith(folder.path, `${policy}\n[governor]\ncool_down_seconds = 1\n${factors}`);
  const cloud = await startCloud(['--memory', '--template', template]);
  clouds.push(cloud);
  return cloud;
}

function useClient(cloud, name) {
  const { userPoolId, clients, cognito } = cloud.endpoints;
  const userPoolClientId = clients[name].id;
  Amplify.configure({ Auth: { Cognito: { userPoolId, userPoolClientId, userPoolEndpoint: cognito } } });
}

/** Signs in at a custom client without a password. Each answer is a text, or made from the challenge. */
async function passwordless(cloud, username, answers) {
  useClient(cloud, 'custom');
  let { nextStep } = await amplifySignIn({ username, options: { authFlowType: 'CUSTOM_WITHOUT_SRP' } });
  for (const answer of answers) {
    const { additionalInfo: info } = nextStep;
    const challengeResponse = typeof answer === 'function' ? await answer(info) : answer;
    ({ nextStep } = await confirmSignIn({ challengeResponse, options: { clientMetadata: { nonce: info.nonce } } }));
  }
  assert.equal(nextStep.signInStep, 'DONE', JSON.stringify(nextStep));
  const { accessToken } = (await fetchAuthSession()).tokens;
  assert.deepEqual(accessToken.payload.client_id, cloud.endpoints.clients.custom.id);
  return accessToken;
}

async function call(cloud, token, path, body) {
  const response = await cloud.api(path, { token, method: 'POST', body });
  const answer = await response.json();
  assert.ok(response.ok, JSON.stringify(answer));
  return answer;
}

/** USER_PASSWORD_AUTH. */
async function guess(cloud, username) {
  await cloud.cognito('InitiateAuth', {
    AuthFlow: 'USER_PASSWORD_AUTH',
    ClientId: cloud.endpoints.clients.native.id,
    AuthParameters: { USERNAME: username, PASSWORD: 'Wrong-Horse-9' },
  });
}

/** USER_SRP_AUTH, computed by hand: the arithmetic of five hundred real sign-ins takes minutes in
 * JavaScript. */
async function guessBySrp(cloud, username) {
  const ClientId = cloud.endpoints.clients.native.id;
  const { ChallengeName, ChallengeParameters, Session } = await cloud.cognito('InitiateAuth', {
    AuthFlow: 'USER_SRP_AUTH',
    ClientId,
    AuthParameters: { USERNAME: username, SRP_A: randomBytes(384).toString('hex') },
  });
  await cloud.cognito('RespondToAuthChallenge', {
    ClientId,
    ChallengeName,
    Session,
    ChallengeResponses: {
      USERNAME: ChallengeParameters.USER_ID_FOR_SRP,
      PASSWORD_CLAIM_SECRET_BLOCK: ChallengeParameters.SECRET_BLOCK,
      PASSWORD_CLAIM_SIGNATURE: randomBytes(32).toString('base64'),
      TIMESTAMP: new Date().toUTCString().replace(/^(\w+), 0?(\d+) (\w+) (\d+) ([\d:]+) GMT$/, '$1 $3 $2 $5 UTC $4'),
    },
  });
}

/** Makes `total` attempts, `parallel` of them at a time. Returns how often each error occurred. */
async function attempts(total, parallel, attempt) {
  const seen = {};
  let left = total;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      const said = await attempt().then(() => 'let in', ({ name, message }) => `${name}: ${message}`);
      seen[said] = (seen[said] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return seen;
}

for (const enforce of [false, true]) {
  test(`a thousand bad passwords change nothing for custom sign-ins, enforce = ${enforce}`, async (t) => {
    const cloud = await cloudWith(`[sign_in]\nenforce = ${enforce}\n`);
    const { username, app, tokens } = await provenUser(cloud);
    const { codes } = await call(cloud, tokens.AccessToken, '/mfa/recovery-codes');
    const device = await Device.make();
    const proofs = [codes[0], 'email', () => cloud.code(username)];
    await device.register(cloud, await passwordless(cloud, username, proofs));
    await signOut();

    const seen = {};
    const merge = (more) => Object.entries(more).forEach(([said, times]) => (seen[said] = (seen[said] ?? 0) + times));
    useClient(cloud, 'native');
    merge(await attempts(20, 1, () => amplifySignIn({ username, password: 'Wrong-Horse-9' })));
    merge(await attempts(480, 20, () => guessBySrp(cloud, username)));
    merge(await attempts(500, 20, () => guess(cloud, username)));
    t.diagnostic(`enforce = ${enforce}: ${JSON.stringify(seen)}`);
    assert.equal(Object.values(seen).reduce((sum, times) => sum + times), 1_000);
    assert.equal(seen['let in'], undefined);
    const heldOff = Object.keys(seen).some((said) => said.includes('PreAuthentication failed'));
    assert.equal(heldOff, enforce, 'attempts are refused by us where policy says so');

    // Each factor, and the device with a factor.
    await passwordless(cloud, username, [app.next(), (info) => device.sign(info)]);
    await signOut();
    await passwordless(cloud, username, ['email', () => cloud.code(username), codes[1]]);
    await signOut();
  });
}
