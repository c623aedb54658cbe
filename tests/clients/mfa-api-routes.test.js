// Every route about addresses, remembered devices, activity, entity tags and repetitions, over the gateway
// with a real token. The pitfalls of Cognito's own calls are included.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { Authenticator } from './harness/authenticator.js';
import { startCloud } from './harness/cloud.js';
import { newAddress, poolUser, provenUser, signIn, signUp } from './harness/user.js';

let cloud;

before(async () => {
  cloud = await startCloud();
});

after(async () => {
  const end = await cloud.stop();
  assert.deepEqual({ code: end.code, survivors: end.survivors }, { code: 0, survivors: [] });
});

async function newUser() {
  const address = await signUp(cloud);
  return { address, token: (await signIn(cloud, address)).AccessToken };
}

/** Creates a user of Cognito's own authenticator, who has just signed in with it. */
async function protectedUser() {
  const { username: address, tokens } = await poolUser(cloud);
  return { address, token: tokens.AccessToken };
}

async function call(token, method, path, { body, headers } = {}) {
  const response = await cloud.api(path, { token, method, body, headers });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

async function done(...asked) {
  const answer = await call(...asked);
  assert.ok(answer.status < 300, JSON.stringify(answer.body));
  return answer.body;
}

/** Waits for a message with this subject. */
async function told(address, subject) {
  for (let tries = 0; tries < 200; tries += 1) {
    if ((await cloud.messages(address)).some((message) => message.subject === subject)) return;
    await setTimeout(25);
  }
  throw new Error(`${address} was not told: ${subject}`);
}

async function enrol(token, body = {}) {
  const { secret } = await done(token, 'POST', '/mfa/totp', { body });
  const app = new Authenticator(secret);
  await done(token, 'POST', '/mfa/totp/verify', { body: { code: app.next() } });
  return app;
}

describe('addresses', () => {
  test('the old e-mail address is told, the new one gets a code and is verified by it', async () => {
    const { address, token } = await newUser();
    const next = newAddress();
    assert.deepEqual(await done(token, 'POST', '/mfa/email', { body: { email: next } }), { status: 'CODE_SENT' });
    await told(address, 'Contact details changed');
    const wrong = await call(token, 'POST', '/mfa/email/verify', { body: { code: '000000' } });
    assert.equal(wrong.body.code, 'code-wrong');
    const code = await cloud.code(next);
    assert.deepEqual(await done(token, 'POST', '/mfa/email/verify', { body: { code } }), { status: 'VERIFIED' });
    const { UserAttributes } = await cloud.cognito('GetUser', { AccessToken: token });
    const attributes = Object.fromEntries(UserAttributes.map(({ Name, Value }) => [Name, Value]));
    assert.equal(attributes.email, next);
    assert.equal(attributes.email_verified, 'true');
  });

  test('a phone number is verified and then made a factor', async () => {
    const { token } = await newUser();
    const phoneNumber = `+1202555${String(Math.floor(Math.random() * 10000)).padStart(4, '0')}`;
    await done(token, 'POST', '/mfa/phone-number', { body: { phoneNumber } });
    const code = await cloud.code(phoneNumber);
    await done(token, 'POST', '/mfa/phone-number/verify', { body: { code } });
    const preference = await done(token, 'PUT', '/mfa/preference', { body: { sms: 'PREFERRED' } });
    assert.equal(preference.sms, 'PREFERRED');
    const other = (await newUser()).token;
    const none = await call(other, 'POST', '/mfa/phone-number/verify', { body: { code } });
    assert.equal(none.body.code, 'code-expired');
    assert.equal((await call(other, 'POST', '/mfa/phone-number/code')).body.code, 'address-not-set');
    assert.deepEqual(await done(other, 'POST', '/mfa/email/code'), { status: 'CODE_SENT' });
  });
});

describe('what Cognito does by itself', () => {
  test('a replacement abandoned half-way was told before, and the overview shows it', async () => {
    const { address, token } = await protectedUser();
    await done(token, 'POST', '/mfa/totp', { body: { replace: true } });
    await told(address, 'Authenticator app being replaced');
    assert.equal((await done(token, 'GET', '/mfa')).totp.replacing, true);
    await enrol(token, { replace: true });
    assert.equal((await done(token, 'GET', '/mfa')).totp.replacing, false);
  });

  test('a factor that was never set up is turned off without a word to Cognito', async () => {
    const { address, token } = await newUser();
    const heard = (await cloud.messages(address)).length;
    const before = await done(token, 'GET', '/mfa/activity');
    await done(token, 'PUT', '/mfa/preference', { body: { totp: 'DISABLED', sms: 'DISABLED' } });
    assert.deepEqual(await done(token, 'GET', '/mfa/activity'), before, 'nothing was done');
    assert.equal((await cloud.messages(address)).length, heard);
  });

  test('ENABLED keeps the preferred mark, and the words of Amplify 5 work too', async () => {
    const { token } = await protectedUser();
    await done(token, 'PUT', '/mfa/preference', { body: { totp: 'NOT_PREFERRED' } });
    assert.equal((await done(token, 'PUT', '/mfa/preference', { body: { preferredMFA: 'TOTP' } })).totp, 'PREFERRED');
    assert.equal((await done(token, 'PUT', '/mfa/preference', { body: { totp: 'ENABLED' } })).totp, 'PREFERRED');
    const { PreferredMfaSetting } = await cloud.cognito('GetUser', { AccessToken: token });
    assert.equal(PreferredMfaSetting, 'SOFTWARE_TOKEN_MFA');
    assert.equal((await done(token, 'PUT', '/mfa/preference', { body: { preferredMFA: 'NOMFA' } })).totp, 'DISABLED');
  });

  test('of tabs that race with one tag at most one changes something', async () => {
    const { token } = await protectedUser();
    const { headers } = await call(token, 'GET', '/mfa/preference');
    const condition = { headers: { 'if-match': headers.get('etag') }, body: { totp: 'NOT_PREFERRED' } };
    const tabs = await Promise.all(Array.from({ length: 8 }, () => call(token, 'PUT', '/mfa/preference', condition)));
    const statuses = tabs.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [200, ...Array(7).fill(412)]);
    assert.ok(tabs.every(({ status, body }) => status === 200 || body.code === 'precondition-failed'));
  });

  test('a pool that requires MFA: never a success that changed nothing', async () => {
    const { token } = await protectedUser();
    const pool = { UserPoolId: cloud.endpoints.userPoolId };
    const { UserPool: _, ...settings } = await cloud.cognito('GetUserPoolMfaConfig', pool);
    await cloud.cognito('SetUserPoolMfaConfig', { ...pool, ...settings, MfaConfiguration: 'ON' });
    try {
      const answer = await call(token, 'PUT', '/mfa/preference', { body: { totp: 'DISABLED' } });
      assert.deepEqual([answer.status, answer.body.code], [409, 'factor-not-changeable']);
      assert.notEqual((await done(token, 'GET', '/mfa/preference')).totp, 'DISABLED');
    } finally {
      await cloud.cognito('SetUserPoolMfaConfig', { ...pool, ...settings });
    }
  });
});

test('a repeated POST is done once, and a secret is shown once', async () => {
  const { AccessToken: token } = (await provenUser(cloud)).tokens;
  const headers = { 'idempotency-key': 'attempt-1' };
  const asked = Array.from({ length: 5 }, () => call(token, 'POST', '/mfa/recovery-codes', { headers, body: {} }));
  const answers = await Promise.all(asked);
  assert.equal(answers.filter(({ status }) => status === 201).length, 1);
  const codes = answers.filter(({ status }) => status !== 201).map(({ body }) => body.code);
  assert.ok(codes.every((code) => ['request-running', 'answer-shown-once'].includes(code)), codes.join());
  const { body } = await call(token, 'POST', '/mfa/recovery-codes', { headers, body: {} });
  assert.equal(body.code, 'answer-shown-once');
  const { lines } = await done(token, 'GET', '/mfa/activity');
  assert.equal(lines.filter(({ action }) => action === 'recovery-codes-replaced').length, 1);
});

test('changes are limited by the minute', async () => {
  const { token } = await newUser();
  // If the end of a minute falls into the run, the count begins anew. At the latest, twice as many calls are
  // refused.
  let last;
  for (let changes = 0; changes < 130; changes += 1) {
    last = await call(token, 'PUT', '/mfa/preference', { body: {} });
    if (last.status !== 200) break;
    await setTimeout(15);
  }
  assert.deepEqual([last.status, last.body.code], [429, 'too-many-requests']);
  const wait = Number(last.headers.get('retry-after'));
  assert.ok(wait >= 1 && wait <= 60 && wait === last.body.retryAfter, `${wait}`);
  assert.equal((await call(token, 'GET', '/mfa')).status, 200, 'looks are not counted');
});

test('activity is read page by page, the newest first', async () => {
  const { token } = await newUser();
  await enrol(token);
  await done(token, 'PUT', '/mfa/preference', { body: { totp: 'PREFERRED' } });
  const first = await done(token, 'GET', '/mfa/activity?limit=2');
  const second = await done(token, 'GET', `/mfa/activity?limit=2&before=${first.next}`);
  assert.deepEqual(
    [...first.lines, ...second.lines].map(({ action }) => action),
    ['preference-changed', 'totp-verified', 'totp-started', 'new-device-used'],
  );
  assert.equal(second.next, null);
  assert.equal(first.lines[0].factor, 'TOTP');
});

test('remembered devices are listed, named, and forgotten', async () => {
  const address = await signUp(cloud);
  const devices = [];
  for (const DeviceName of ['Phone', 'Tablet', 'Laptop']) {
    const { AccessToken, NewDeviceMetadata } = await signIn(cloud, address);
    const { DeviceKey } = NewDeviceMetadata;
    await cloud.cognito('ConfirmDevice', {
      AccessToken,
      DeviceKey,
      DeviceName,
      DeviceSecretVerifierConfig: {
        Salt: Buffer.alloc(17, 7).toString('base64'),
        PasswordVerifier: Buffer.alloc(384, 7).toString('base64'),
      },
    });
    devices.push({ DeviceKey, AccessToken });
  }
  const [phone, tablet, laptop] = devices;
  const token = laptop.AccessToken;
  const list = async () => (await done(token, 'GET', '/mfa/remembered-devices')).rememberedDevices;
  const listed = await list();
  assert.deepEqual(listed.map(({ name }) => name).sort(), ['Laptop', 'Phone', 'Tablet']);
  assert.deepEqual(listed.filter(({ thisDevice }) => thisDevice).map(({ id }) => id), [laptop.DeviceKey]);

  const path = ({ DeviceKey }) => `/mfa/remembered-devices/${DeviceKey}`;
  await done(token, 'PATCH', path(laptop), { body: { name: 'Desk' } });
  await done(token, 'PATCH', path(phone), { body: { remembered: false } });
  await done(token, 'DELETE', path(tablet));
  const left = Object.fromEntries((await list()).map((device) => [device.id, device]));
  assert.deepEqual(Object.keys(left).sort(), [laptop.DeviceKey, phone.DeviceKey].sort());
  assert.equal(left[laptop.DeviceKey].name, 'Desk');
  assert.equal(left[phone.DeviceKey].remembered, false);
  assert.deepEqual(await done(token, 'POST', '/mfa/remembered-devices/forget-others'), { forgotten: 1 });
  assert.deepEqual((await list()).map(({ id }) => id), [laptop.DeviceKey]);
  assert.equal((await call(token, 'DELETE', path(phone))).status, 404);
});

test('the document is served to everybody, and every answer names its request', async () => {
  const response = await cloud.api('/openapi.json');
  assert.equal(response.status, 200);
  assert.equal((await response.json()).openapi, '3.1.0');
  assert.match(response.headers.get('x-request-id'), /^[\w-]+=$/);
});
