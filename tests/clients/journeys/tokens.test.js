// Shows what tokens give access to that were stolen from an owner's browser.
import assert from 'node:assert/strict';
import { describe } from 'node:test';

import { Authenticator } from '../harness/authenticator.js';
import { NEW_PASSWORD, journey, worldOf } from './harness/world.js';

const world = worldOf();

journey('holds a stolen access token of native, by the password alone: makes factors for custom', async () => {
  const owner = await world.newUser();
  const { own } = await world.factorsOf(owner);
  const stolen = await world.signInNatively(owner);
  assert.deepEqual(await world.mintRecoveryCodes(stolen), []);
  assert.equal(await world.addAuthenticator(stolen), undefined);
  assert.equal(await world.trustDevice(stolen), undefined);
  assert.deepEqual((await world.factorsOf(owner)).own, own);
  await world.signInAsOwner(owner);
});

journey('holds a stolen access token of native, with a factor of the pool: changes the factors of custom', async () => {
  const owner = await world.newUserBySms();
  // A pool factor as well, which permits native sign-ins. It is set up before the sign-ins that count.
  const { SecretCode } = await world.cognito('AssociateSoftwareToken', { AccessToken: owner.signIn.tokens.AccessToken });
  owner.poolApp = new Authenticator(SecretCode);
  const UserCode = await owner.poolApp.late();
  const { AccessToken } = owner.signIn.tokens;
  await world.cognito('VerifySoftwareToken', { AccessToken, UserCode });
  const SoftwareTokenMfaSettings = { Enabled: true, PreferredMfa: true };
  await world.cognito('SetUserMFAPreference', { AccessToken, SoftwareTokenMfaSettings });
  const native = await world.signIn('native', owner, { password: owner.password });
  await native.answer(owner.poolApp.next());
  const again = await world.signIn('native', owner, { password: owner.password });
  await again.answer(owner.poolApp.next());
  await world.unchanged(owner, async () => {
    for (const stolen of [native, again]) {
      assert.deepEqual(await world.mintRecoveryCodes(stolen), []);
      assert.equal(await world.addAuthenticator(stolen), undefined);
      assert.equal(await world.trustDevice(stolen), undefined);
    }
  });
});

journey('holds a stolen access token of a first sign-in: makes recovery codes while no factor was proven', async () => {
  const owner = await world.newUser();
  await world.firstSignIn(owner);
  const stolen = owner.signIn;
  await world.everyChangeRefused(owner, stolen);
  const proven = await world.signInByAuthenticator(owner);
  assert.equal((await world.mintRecoveryCodes(proven)).length, 10, 'the owner makes them after a proven sign-in');
});

journey('holds a stolen refresh token of custom: renews it at once and tries every change', async () => {
  const owner = await world.newUserWithAuthenticator();
  const renewed = await world.refresh('custom', owner.signIn);
  assert.ok(renewed.tokens, `a session goes on: ${renewed.refusal}`);
  await world.everyChangeRefused(owner, renewed);
  await world.signInAsOwner(owner);
});

journey('holds a stolen refresh token of custom: has no claim of what the owner proved', async () => {
  const owner = await world.newUserWithAuthenticator();
  const renewed = await world.refresh('custom', owner.signIn);
  const { mfa_level: level, mfa_methods: methods, mfa_at: at } = renewed.claims;
  assert.deepEqual({ level, methods, at }, { level: undefined, methods: undefined, at: undefined });
});

journey('holds a stolen refresh token of native: renews it and tries every change', async () => {
  const owner = await world.newUserWithPoolAuthenticator();
  const renewed = await world.refresh('native', owner.signIn);
  assert.ok(renewed.tokens, `a session goes on: ${renewed.refusal}`);
  await world.everyChangeRefused(owner, renewed);
});

journey('holds a stolen refresh token: the owner has signed out everywhere', async () => {
  const owner = await world.newUserWithAuthenticator();
  const stolen = await world.signInAsOwner(owner);
  await world.cognito('GlobalSignOut', { AccessToken: owner.signIn.tokens.AccessToken });
  assert.equal((await world.refresh('custom', stolen)).tokens, undefined);
  await world.everyChangeRefused(owner, stolen);
  await world.signInAsOwner(owner);
});

journey('holds a stolen refresh token: support has reset the factors', async () => {
  const [owner, helper] = [await world.newUserWithAuthenticator(), await world.newHelper()];
  await world.administrationDone(helper.signIn, 'mfa-reset', owner.name);
  assert.equal((await world.refresh('custom', owner.signIn)).tokens, undefined);
  await world.everyChangeRefused(owner, owner.signIn);
});

journey('holds a stolen refresh token of custom: renews it at another client', async () => {
  const owner = await world.newUserWithAuthenticator();
  const { tokens } = owner.signIn;
  for (const client of ['native', 'passwordless']) {
    const { id, secret } = world.clients[client];
    await assert.rejects(
      world.cognito('GetTokensFromRefreshToken', { ClientId: id, ClientSecret: secret, RefreshToken: tokens.RefreshToken }),
      { name: 'NotAuthorizedException' },
      client,
    );
  }
});

journey('holds a stolen ID token: tries every change', async () => {
  const owner = await world.newUserWithAuthenticator();
  const { IdToken } = owner.signIn.tokens;
  await world.everyChangeRefused(owner, { tokens: { AccessToken: IdToken } });
});

journey('holds a stolen access token: asks for the owner’s recovery codes again by their idempotency key', async () => {
  const owner = await world.newUserWithAuthenticator();
  const ask = () =>
    world.cloud.api('/mfa/recovery-codes', {
      token: owner.signIn.tokens.AccessToken,
      method: 'POST',
      headers: { 'idempotency-key': 'the-owner-presses-once' },
    });
  const minted = await (await ask()).json();
  assert.equal(minted.codes.length, 10);
  await world.unchanged(owner, async () => {
    const again = await (await ask()).json();
    assert.equal(again.codes, undefined, 'a repetition shows no secret');
  });
});

journey('holds a stolen access token of another user: names the owner’s authenticator', async () => {
  const [owner, other] = [await world.newUserWithAuthenticator(), await world.newUserWithAuthenticator()];
  const { own } = await world.factorsOf(owner);
  await world.unchanged(owner, async () => {
    const path = `/mfa/authenticators/${own.authenticators[0]}`;
    assert.equal((await world.call(other.signIn, 'DELETE', path)).status, 404);
    assert.equal((await world.call(other.signIn, 'PATCH', path, { name: 'Mine' })).status, 404);
  });
});

journey('holds a stolen access token: goes on after support has disabled the account', async () => {
  const owner = await world.newUserWithAuthenticator();
  await world.cognito('AdminDisableUser', { ...world.pool, Username: owner.userName });
  await world.everyChangeRefused(owner, owner.signIn);
  assert.equal((await world.refresh('custom', owner.signIn)).tokens, undefined);
});

describe('where refreshed tokens lose the scope for Cognito’s own calls', () => {
  const world = worldOf({ policy: '[tokens]\nfresh_factor_changes = true\n' });

  for (const client of ['native', 'custom']) {
    journey(`holds a stolen refresh token of ${client}: calls Cognito itself`, async () => {
      const owner = client === 'native'
        ? await world.newUserWithPoolAuthenticator()
        : await world.newUserWithAuthenticator();
      const renewed = await world.refresh(client, owner.signIn);
      assert.ok(renewed.tokens);
      const { AccessToken } = renewed.tokens;
      await world.unchanged(owner, async () => {
        for (const [operation, parameters] of [
          ['AssociateSoftwareToken', {}],
          ['SetUserMFAPreference', { SoftwareTokenMfaSettings: { Enabled: false } }],
          ['UpdateUserAttributes', { UserAttributes: [{ Name: 'phone_number', Value: '+12025557777' }] }],
          ['ChangePassword', { PreviousPassword: owner.password, ProposedPassword: NEW_PASSWORD }],
        ]) {
          await assert.rejects(world.cognito(operation, { AccessToken, ...parameters }), {
            name: 'NotAuthorizedException',
          }, operation);
        }
      });
    });
  }
});
