// Custom factors through the gateway with a real token. They are named authenticators with codes of another
// library, recovery codes, and trusted devices whose key WebCrypto does not export. The user gets a notice of
// every change.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { Authenticator } from './harness/authenticator.js';
import { startCloud } from './harness/cloud.js';
import { storedFactors } from './harness/factors.js';
import { createUser, enrolledUser, poolUser, provenUser, signIn } from './harness/user.js';

let cloud;

before(async () => {
  cloud = await startCloud();
});

after(async () => {
  const end = await cloud.stop();
  assert.deepEqual({ code: end.code, survivors: end.survivors }, { code: 0, survivors: [] });
});

/** A user who has just signed in. */
class User {
  constructor({ username, tokens, app }) {
    Object.assign(this, { address: username, token: tokens.AccessToken, app, heard: 0 });
    this.sub = JSON.parse(Buffer.from(this.token.split('.')[1], 'base64url')).sub;
  }

  /** Creates a user with an authenticator, which was set up at the first sign-in and used at the second. */
  static async new() {
    const user = new User(await provenUser(cloud));
    assert.deepEqual(await user.notices(2), ['Authenticator app added', 'Your Example sign-in code']);
    return user;
  }

  async call(method, path, body) {
    const response = await cloud.api(path, { token: this.token, method, body });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  /** Makes a call that must succeed. */
  async done(method, path, body) {
    const answer = await this.call(method, path, body);
    assert.ok(answer.status < 300, JSON.stringify(answer));
    return answer.body;
  }

  async refused(status, code, method, path, body) {
    const answer = await this.call(method, path, body);
    assert.deepEqual([answer.status, answer.body.code], [status, code]);
  }

  /** Returns the subjects of the next notices in alphabetical order, because `deliver` runs in parallel. */
  async notices(count) {
    let messages = [];
    for (let tries = 0; tries < 200; tries += 1) {
      messages = (await cloud.messages(this.address)).slice(this.heard);
      if (messages.length >= count) break;
      await setTimeout(25);
    }
    this.heard += messages.length;
    return messages.map(({ subject }) => subject).sort();
  }

  async add(name) {
    const started = await this.done('POST', '/mfa/authenticators', { name });
    return { ...started, app: new Authenticator(started.secret, this.app) };
  }
}

describe('authenticators', () => {
  test('are several, each with a name, and each change is told', async () => {
    const user = await User.new();
    const { id, secret, uri, qr, app } = await user.add('Phone');
    assert.equal(Buffer.from(secret, 'latin1').length, 32, '160 bits in base32');
    assert.equal(uri, `otpauth://totp/Example:${encodeURIComponent(user.address)}?secret=${secret}&issuer=Example`);
    assert.ok(qr.svg.startsWith('<svg ') && qr.png.startsWith('data:image/png;base64,'));
    const added = async () => (await user.done('GET', '/mfa/authenticators')).authenticators.filter((one) => one.id === id);
    assert.equal((await added())[0].confirmed, false);

    await user.refused(422, 'code-wrong', 'POST', `/mfa/authenticators/${id}/verify`, { code: app.wrong() });
    const code = app.next();
    assert.deepEqual(await user.done('POST', `/mfa/authenticators/${id}/verify`, { code }), { status: 'VERIFIED' });
    await user.refused(409, 'authenticator-confirmed', 'POST', `/mfa/authenticators/${id}/verify`, { code });
    assert.deepEqual(await user.notices(1), ['Authenticator app added']);

    await user.done('PATCH', `/mfa/authenticators/${id}`, { name: 'Old phone' });
    const { authenticators } = await user.done('GET', '/mfa');
    assert.deepEqual(
      authenticators.map(({ name, confirmed }) => `${name}: ${confirmed}`).sort(),
      ['Authenticator app: true', 'Old phone: true'],
    );
    await user.done('DELETE', `/mfa/authenticators/${id}`);
    await user.refused(404, 'factor-not-found', 'DELETE', `/mfa/authenticators/${id}`);
    assert.deepEqual(await user.notices(1), ['Authenticator app removed']);
    assert.deepEqual(await added(), []);
  });

  test('share their steps: a code that was used for one is no code for another', async () => {
    const user = await User.new();
    const [one, two] = [await user.add('One'), await user.add('Two')];
    const path = ({ id }) => `/mfa/authenticators/${id}/verify`;
    const earlier = await new Authenticator(two.secret).late();
    await user.done('POST', path(one), { code: one.app.next() });
    // The earlier time step, and the same one: neither is after the last used one.
    for (const code of [earlier, two.app.next()]) {
      await user.refused(422, 'code-already-used', 'POST', path(two), { code });
    }
  });

  test('are five at most', async () => {
    const user = await User.new();
    for (let index = 1; index < 5; index += 1) await user.add(`App ${index}`);
    await user.refused(409, 'too-many-authenticators', 'POST', '/mfa/authenticators', { name: 'Sixth' });
  });

  test('of which only ciphertext is kept, bound to its user', async () => {
    const [user, other] = [await User.new(), await User.new()];
    const { id, secret } = await user.add('Phone');
    const stored = await storedFactors(cloud, user.sub);
    const kept = Buffer.from(stored.authenticators.M[id].M.sealed.B, 'base64');
    assert.ok(kept.length > 20);
    assert.ok(!JSON.stringify(stored).includes(secret));
    await other.refused(404, 'factor-not-found', 'POST', `/mfa/authenticators/${id}/verify`, { code: '123456' });
    await other.refused(404, 'factor-not-found', 'DELETE', `/mfa/authenticators/${id}`);
  });
});

describe('recovery codes', () => {
  test('are ten, shown once, and replaced by the next ten', async () => {
    const user = await User.new();
    assert.deepEqual(await user.done('GET', '/mfa/recovery-codes'), { left: 0 });
    const { codes, text } = await user.done('POST', '/mfa/recovery-codes');
    assert.equal(new Set(codes).size, 10);
    for (const code of codes) {
      assert.match(code, /^([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}$/);
      assert.ok(text.includes(code));
    }
    assert.deepEqual(await user.done('GET', '/mfa/recovery-codes'), { left: 10 });
    const kept = JSON.stringify(await storedFactors(cloud, user.sub));
    assert.ok(codes.every((code) => !kept.includes(code) && !kept.includes(code.replaceAll('-', ''))));
    const again = await user.done('POST', '/mfa/recovery-codes');
    assert.ok(again.codes.every((code) => !codes.includes(code)));
    assert.deepEqual(await user.notices(2), ['New recovery codes', 'New recovery codes']);
  });
});

describe('trusted devices', () => {
  async function key(format) {
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
    assert.equal(pair.privateKey.extractable, false);
    const exported = await crypto.subtle.exportKey(format, pair.publicKey);
    return format === 'spki' ? Buffer.from(exported).toString('base64') : exported;
  }

  for (const format of ['spki', 'jwk']) {
    test(`are registered by their ${format} after a sign-in with a code`, async () => {
      const device = { name: 'Laptop', publicKey: await key(format) };
      const username = await createUser(cloud);
      // A sign-in with the password alone, and a sign-in that set up an authenticator and so proved none.
      for (const weak of [{ username, tokens: await signIn(cloud, username) }, await enrolledUser(cloud)]) {
        await new User(weak).refused(401, 'second-factor-required', 'POST', '/mfa/trusted-devices', device);
      }
      const user = await User.new();
      const { id, createdAt, expiresAt } = await user.done('POST', '/mfa/trusted-devices', device);
      assert.equal(Date.parse(expiresAt) - Date.parse(createdAt), 30 * 24 * 3600 * 1000);
      await user.refused(409, 'device-already-trusted', 'POST', '/mfa/trusted-devices', device);

      await user.done('PATCH', `/mfa/trusted-devices/${id}`, { name: 'Desktop' });
      const { trustedDevices } = await user.done('GET', '/mfa/trusted-devices');
      assert.deepEqual(trustedDevices, [{ id, name: 'Desktop', createdAt, expiresAt }]);
      await user.done('DELETE', `/mfa/trusted-devices/${id}`);
      await user.refused(404, 'factor-not-found', 'DELETE', `/mfa/trusted-devices/${id}`);
      assert.deepEqual(await user.notices(2), ['Trusted device added', 'Trusted device removed']);
    });
  }

  test('are gone with a password reset and with a change of factors', async () => {
    const user = await User.new();
    const register = async () => user.done('POST', '/mfa/trusted-devices', { name: 'Laptop', publicKey: await key('spki') });
    const trusted = async () => (await user.done('GET', '/mfa/trusted-devices')).trustedDevices.length;
    await register();
    await user.done('POST', '/mfa/recovery-codes');
    assert.equal(await trusted(), 0);

    await register();
    assert.equal(await trusted(), 1);
    const before = Number((await storedFactors(cloud, user.sub)).factor_epoch.N);
    // The code is the message after three notices.
    assert.equal((await user.notices(3)).length, 3);
    const ClientId = cloud.endpoints.clients.native.id;
    await cloud.cognito('ForgotPassword', { ClientId, Username: user.address });
    const [ConfirmationCode, Password] = [await cloud.code(user.address), 'Another-Horse-9'];
    await cloud.cognito('ConfirmForgotPassword', { ClientId, Username: user.address, ConfirmationCode, Password });
    const stored = await storedFactors(cloud, user.sub);
    assert.equal(stored.devices, undefined);
    assert.equal(Number(stored.factor_epoch.N), before + 1);
  });
});

test("replacing the pool's authenticator and changing the preference are told", async () => {
  const user = new User(await poolUser(cloud));
  assert.deepEqual(await user.notices(2), ['Authenticator app added', 'Sign-in verification changed']);
  await user.done('POST', '/mfa/totp', { replace: true });
  assert.deepEqual(await user.notices(1), ['Authenticator app being replaced']);
});

test('a route without the right token is closed, and nothing is told', async () => {
  const user = await User.new();
  const id = '0123456789abcdef0123456789abcdef';
  const routes = [
    ['GET', '/mfa/authenticators'],
    ['POST', '/mfa/authenticators', { name: 'a' }],
    ['POST', `/mfa/authenticators/${id}/verify`, { code: '123456' }],
    ['PATCH', `/mfa/authenticators/${id}`, { name: 'a' }],
    ['DELETE', `/mfa/authenticators/${id}`],
    ['GET', '/mfa/recovery-codes'],
    ['POST', '/mfa/recovery-codes'],
    ['GET', '/mfa/passkeys'],
    ['POST', '/mfa/passkeys', { name: 'a' }],
    ['POST', '/mfa/passkeys/verify', { credential: {} }],
    ['PATCH', `/mfa/passkeys/${id}`, { name: 'a' }],
    ['DELETE', `/mfa/passkeys/${id}`],
    ['GET', '/mfa/trusted-devices'],
    ['POST', '/mfa/trusted-devices', { name: 'a', publicKey: 'a' }],
    ['PATCH', `/mfa/trusted-devices/${id}`, { name: 'a' }],
    ['DELETE', `/mfa/trusted-devices/${id}`],
  ];
  for (const [method, path, body] of routes) {
    assert.equal((await cloud.api(path, { method, body })).status, 401, `${method} ${path}`);
  }
  const kept = await storedFactors(cloud, user.sub);
  await cloud.cognito('GlobalSignOut', { AccessToken: user.token });
  for (const [method, path, body] of routes) {
    if (path === '/mfa/trusted-devices' && method === 'POST') continue; // Its key is read before.
    await user.refused(401, 'not-signed-in', method, path, body);
  }
  assert.deepEqual(await storedFactors(cloud, user.sub), kept);
  assert.deepEqual(await user.notices(0), []);
});
