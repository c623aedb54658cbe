// The MFA API's answer to invalid input, over the gateway. It is a problem document (RFC 9457), or API
// Gateway's own message if the request does not reach the function. Nothing changes.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startCloud } from './harness/cloud.js';
import { PASSWORD, poolUser, signIn, signUp } from './harness/user.js';

let cloud;
let tokens;
let original;

before(async () => {
  cloud = await startCloud();
  ({ tokens } = await poolUser(cloud));
  original = await state(tokens.AccessToken);
  assert.equal(original.pool.PreferredMfaSetting, 'SOFTWARE_TOKEN_MFA');
});

after(async () => {
  const end = await cloud.stop();
  assert.deepEqual({ code: end.code, survivors: end.survivors }, { code: 0, survivors: [] });
});

const JSON_TYPE = { 'content-type': 'application/json' };
const VERIFY = { method: 'POST', path: '/mfa/totp/verify' };
const PUT = { method: 'PUT', path: '/mfa/preference' };

describe('our own answers', () => {
  const cases = {
    'an unknown route': { path: '/mfa/nothing', status: 404, code: 'route-not-found' },
    'a wrong method': { method: 'DELETE', path: '/mfa/totp', status: 405, code: 'method-not-allowed' },
    'a wrong content type': {
      ...VERIFY,
      body: '{"code":"123456"}',
      headers: { 'content-type': 'text/plain' },
      status: 415,
      code: 'content-type-not-supported',
    },
    'broken JSON': { ...VERIFY, body: '{"code":', headers: JSON_TYPE, status: 400, code: 'json-malformed' },
    'JSON that is no object': {
      ...VERIFY,
      body: '["123456"]',
      headers: JSON_TYPE,
      status: 422,
      code: 'field-not-valid',
      at: '$',
    },
    'a missing member': {
      ...VERIFY,
      body: { friendlyDeviceName: 'My phone' },
      status: 422,
      code: 'field-not-valid',
      at: '$.code',
    },
    'no body at all': { ...VERIFY, status: 422, code: 'field-not-valid', at: '$.code' },
    'a member of a wrong type': {
      ...VERIFY,
      body: { code: 123456 },
      status: 422,
      code: 'field-not-valid',
      at: '$.code',
    },
    'a misspelt member': {
      ...VERIFY,
      body: { code: '123456', friendlyName: 'My phone' },
      status: 422,
      code: 'field-not-valid',
      at: '$.friendlyName',
    },
    'a body over the limit': {
      ...VERIFY,
      body: { code: '123456', friendlyDeviceName: 'x'.repeat(17 * 1024) },
      status: 413,
      code: 'body-too-large',
    },
    'an unknown setting': { ...PUT, body: { totp: 'SOMETIMES' }, status: 422, code: 'field-not-valid', at: '$.totp' },
    'two preferred factors': {
      ...PUT,
      body: { totp: 'PREFERRED', email: 'PREFERRED' },
      status: 409,
      code: 'two-preferred-factors',
    },
    'a second authenticator without `replace`': {
      method: 'POST',
      path: '/mfa/totp',
      body: {},
      status: 409,
      code: 'totp-already-set-up',
    },
    '`replace` of a wrong type': {
      method: 'POST',
      path: '/mfa/totp',
      body: { replace: 'yes' },
      status: 422,
      code: 'field-not-valid',
      at: '$.replace',
    },
  };
  for (const [name, { path, method, body, headers, ...expected }] of Object.entries(cases)) {
    test(name, async () => {
      const response = await cloud.api(path, { token: tokens.AccessToken, method, body, headers });
      await assertProblem(response, expected);
      assert.deepEqual(await state(tokens.AccessToken), original, 'something changed');
    });
  }

  test('an access token that GlobalSignOut has revoked', async () => {
    const { AccessToken } = await signIn(cloud, await signUp(cloud));
    await cloud.cognito('GlobalSignOut', { AccessToken });
    for (const [method, path, body] of [
      ['GET', '/mfa'],
      ['POST', '/mfa/totp', {}],
      ['POST', '/mfa/totp/verify', { code: '123456' }],
      ['PUT', '/mfa/preference', { totp: 'PREFERRED' }],
    ]) {
      const response = await cloud.api(path, { token: AccessToken, method, body });
      await assertProblem(response, { status: 401, code: 'not-signed-in' });
    }
  });

  test('a factor that was never set up', async () => {
    const { AccessToken } = await signIn(cloud, await signUp(cloud));
    const response = await cloud.api('/mfa/preference', {
      token: AccessToken,
      method: 'PUT',
      body: { totp: 'PREFERRED' },
    });
    await assertProblem(response, { status: 409, code: 'factor-not-set-up' });
  });

  test('a code without a set-up that was started', async () => {
    const { AccessToken } = await signIn(cloud, await signUp(cloud));
    const response = await cloud.api('/mfa/totp/verify', {
      token: AccessToken,
      method: 'POST',
      body: { code: '123456' },
    });
    await assertProblem(response, { status: 409, code: 'totp-not-started' });
  });
});

// local/src/gateway/tests/authorizer.rs tests an expired token, because the clock can be set there.
describe("the gateway's answers, in front of every function", () => {
  const cases = {
    'no token': { token: () => undefined, status: 401, message: 'Unauthorized' },
    'no token at all, but a word': { token: () => 'word', status: 401, message: 'Unauthorized' },
    'a token with another subject': {
      token: () => withClaims(tokens.AccessToken, { sub: '00000000-0000-0000-0000-000000000000' }),
      status: 401,
      message: 'Unauthorized',
    },
    'a token with a later end': {
      token: () => withClaims(tokens.AccessToken, { exp: 4_102_444_800 }),
      status: 401,
      message: 'Unauthorized',
    },
    'a token whose signature was cut off': {
      token: () => `${tokens.AccessToken.split('.').slice(0, 2).join('.')}.`,
      status: 401,
      message: 'Unauthorized',
    },
    'a token that asks for no signature': {
      token: () => withHeader(tokens.AccessToken, { alg: 'none' }),
      status: 401,
      message: 'Unauthorized',
    },
    'an ID token, which has no scope': { token: () => tokens.IdToken, status: 403, message: 'Forbidden' },
  };
  for (const [name, { token, status, message }] of Object.entries(cases)) {
    test(name, async () => {
      for (const path of ['/mfa', '/mfa/nothing']) {
        const response = await cloud.api(path, { token: token() });
        assert.equal(response.status, status);
        assert.deepEqual(await response.json(), { message });
      }
      assert.deepEqual(await state(tokens.AccessToken), original, 'something changed');
    });
  }
});

/** Clients use the problem's `type` and `code`; its texts may change. */
async function assertProblem(response, { status, code, at }) {
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  const problem = await response.json();
  const { title, detail, ...decisive } = problem;
  assert.deepEqual(decisive, {
    type: `urn:cognito-mfa:problem:${code}`,
    status,
    code,
    ...(at === undefined ? {} : { path: at }),
  });
  assert.ok(title && detail, 'a person gets no text');
  assert.equal(response.status, status);
  assert.equal(response.headers.get('cache-control'), 'no-store');
}

/** Returns all that an API shows about the user's factors. */
async function state(token) {
  const { PreferredMfaSetting, UserMFASettingList } = await cloud.cognito('GetUser', { AccessToken: token });
  return {
    pool: { PreferredMfaSetting, UserMFASettingList },
    overview: await (await cloud.api('/mfa', { token })).json(),
  };
}

function withClaims(token, claims) {
  const [header, payload, signature] = token.split('.');
  return [header, rewrite(payload, claims), signature].join('.');
}

function withHeader(token, members) {
  const [header, payload] = token.split('.');
  return [rewrite(header, members), payload, ''].join('.');
}

function rewrite(part, members) {
  const content = JSON.parse(Buffer.from(part, 'base64url'));
  return Buffer.from(JSON.stringify({ ...content, ...members })).toString('base64url');
}
