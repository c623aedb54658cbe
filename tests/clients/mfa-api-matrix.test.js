// A changing route accepts only the user's own valid token. The routes come from the OpenAPI document, so
// that a new route is covered without a change here.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { startCloud, workspace } from './harness/cloud.js';
import { PASSWORD, provenUser } from './harness/user.js';

const { paths, components } = JSON.parse(readFileSync(join(workspace, 'infra/openapi.json'), 'utf8'));
const CHANGES = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods)
    .filter(([method]) => method !== 'get')
    .map(([method, operation]) => ({ method: method.toUpperCase(), path: filled(path), body: body(operation) })),
);

let cloud;
let other;
let victim;

before(async () => {
  [cloud, other] = await Promise.all([startCloud(), startCloud()]);
  victim = await newUser(cloud);
});

after(async () => {
  for (const running of [cloud, other]) {
    const end = await running.stop();
    assert.deepEqual({ code: end.code, survivors: end.survivors }, { code: 0, survivors: [] });
  }
});

/** Creates a user whose token would allow every change. */
function newUser(where) {
  return provenUser(where);
}

/** An id of the right form that belongs to no user. */
function filled(path) {
  return path
    .replace('remembered-devices/{id}', 'remembered-devices/us-east-1_a1b2c3d4-5678-40ab-9cde-f0123456789a')
    .replace('{id}', '0'.repeat(32));
}

/** Returns a body that fits the document. */
function body(operation) {
  const schema = operation.requestBody?.content['application/json'].schema;
  return schema === undefined ? undefined : example(schema);
}

function example(schema) {
  const found = schema.$ref ? components.schemas[schema.$ref.split('/').at(-1)] : schema;
  if (found.example !== undefined) return found.example;
  const choice = found.oneOf?.find(({ type }) => type !== 'null');
  if (choice) return example(choice);
  if (found.type === 'object') {
    const required = (found.required ?? []).map((name) => [name, example(found.properties[name])]);
    return Object.fromEntries(required);
  }
  return found.format === 'email' ? 'new@example.com' : 'Name';
}

/** Returns all data in which a change would leave a trace. */
async function traces() {
  const { UserAttributes, PreferredMfaSetting, UserMFASettingList } = await cloud.cognito('GetUser', {
    AccessToken: victim.tokens.AccessToken,
  });
  const { lines } = await (await cloud.api('/mfa/activity', { token: victim.tokens.AccessToken })).json();
  return { UserAttributes, PreferredMfaSetting, UserMFASettingList, lines };
}

/** Returns a token with other claims, whose signature no longer fits. */
function forged(token, claims) {
  const [header, payload, signature] = token.split('.');
  const content = { ...JSON.parse(Buffer.from(payload, 'base64url')), ...claims };
  return [header, Buffer.from(JSON.stringify(content)).toString('base64url'), signature].join('.');
}

test("another user's good token reaches nothing of the victim's", async () => {
  const owner = victim.tokens.AccessToken;
  const made = await cloud.api('/mfa/authenticators', { method: 'POST', token: owner, body: { name: 'Phone' } });
  assert.equal(made.status, 201);
  const { id } = await made.json();
  const stranger = (await newUser(cloud)).tokens.AccessToken;
  for (const { method, path, body } of CHANGES.filter(({ path }) => path.includes('0'.repeat(32)))) {
    const answer = await cloud.api(path.replace('0'.repeat(32), id), { method, token: stranger, body: body?.code ? { code: '123456' } : body });
    assert.equal(answer.status, 404, `${method} ${path}`);
    assert.equal((await answer.json()).code, 'factor-not-found');
  }
  const { authenticators } = await (await cloud.api('/mfa/authenticators', { token: owner })).json();
  assert.deepEqual(authenticators.map(({ name }) => name).sort(), ['Authenticator app', 'Phone']);
  assert.equal(authenticators.find(({ name }) => name === 'Phone').id, id);
});

test('every changing route refuses every token that is not the right one', async () => {
  const sub = JSON.parse(Buffer.from(victim.tokens.AccessToken.split('.')[1], 'base64url')).sub;
  const stranger = await newUser(cloud);
  const revoked = await newUser(cloud);
  await cloud.cognito('GlobalSignOut', { AccessToken: revoked.tokens.AccessToken });
  const ofAnotherPool = (await newUser(other)).tokens.AccessToken;
  // Without its triggers the pool signs in at any client. The token gate would refuse.
  const UserPoolId = cloud.endpoints.userPoolId;
  await cloud.cognito('UpdateUserPool', { UserPoolId });
  const { UserPoolClient } = await cloud.cognito('CreateUserPoolClient', {
    UserPoolId,
    ClientName: 'another',
    ExplicitAuthFlows: ['ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
  });
  const { AuthenticationResult } = await cloud.cognito('InitiateAuth', {
    AuthFlow: 'USER_PASSWORD_AUTH',
    ClientId: UserPoolClient.ClientId,
    AuthParameters: { USERNAME: victim.username, PASSWORD },
  });
  const tokens = {
    'no token': undefined,
    'an ID token': victim.tokens.IdToken,
    'a refresh token': victim.tokens.RefreshToken,
    'a revoked token': revoked.tokens.AccessToken,
    "another pool's token": ofAnotherPool,
    "the same user's token of another client": AuthenticationResult.AccessToken,
    "another user's token with the victim's name": forged(stranger.tokens.AccessToken, { sub }),
    'a token without the scope': forged(victim.tokens.AccessToken, { scope: 'openid profile' }),
    'a token of another kind': forged(victim.tokens.AccessToken, { token_use: 'id' }),
    'a token that has run out': forged(victim.tokens.AccessToken, { exp: 1 }),
  };
  const before = await traces();
  let refused = 0;
  for (const [name, token] of Object.entries(tokens)) {
    for (const { method, path, body } of CHANGES) {
      const answer = await cloud.api(path, { method, token, body });
      const text = await answer.text();
      assert.ok([401, 403].includes(answer.status), `${name}: ${method} ${path}: ${answer.status} ${text}`);
      refused += 1;
    }
  }
  assert.deepEqual(await traces(), before, 'something changed');
  assert.equal(refused, Object.keys(tokens).length * CHANGES.length);
  console.log(`matrix: ${CHANGES.length} changing routes × ${Object.keys(tokens).length} tokens = ${refused} refused`);
});
