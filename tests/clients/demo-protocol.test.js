// The demo app's own computations, without a browser. The tests check SRP against the local pool, for users
// and devices. They check an authenticator's codes against a library that shares no code with it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Secret, TOTP } from 'otpauth';

import { codeOf } from '../../local/src/console/demo/own-totp.js';
import { Exchange, deviceSecret, timestamp } from '../../local/src/console/demo/srp.js';
import { startCloud } from './harness/cloud.js';
import { PASSWORD, signIn, signUp } from './harness/user.js';

describe('SRP', () => {
  let cloud;
  let address;

  before(async () => {
    cloud = await startCloud();
    address = await signUp(cloud);
  });
  after(() => cloud.stop());

  const start = (exchange, device = {}) =>
    cloud.cognito('InitiateAuth', {
      AuthFlow: 'USER_SRP_AUTH',
      ClientId: cloud.endpoints.clients.native.id,
      AuthParameters: { USERNAME: address, SRP_A: exchange.A, ...device },
    });
  const answer = ({ ChallengeName, Session }, ChallengeResponses) =>
    cloud.cognito('RespondToAuthChallenge', {
      ClientId: cloud.endpoints.clients.native.id,
      ChallengeName,
      Session,
      ChallengeResponses,
    });
  async function prove(password, device = {}) {
    const exchange = new Exchange();
    const asked = await start(exchange, device);
    const USERNAME = asked.ChallengeParameters.USER_ID_FOR_SRP;
    const group = cloud.endpoints.userPoolId.split('_')[1];
    const proof = await exchange.prove({ group, name: USERNAME, password, ...asked.ChallengeParameters });
    return answer(asked, { USERNAME, ...device, ...proof });
  }

  // Most of these sign-ins contain a number with a leading zero byte, or one whose top bit is set.
  test('forty sign-ins with the right password all succeed', async () => {
    for (let count = 0; count < 40; count += 1) {
      assert.ok((await prove(PASSWORD)).AuthenticationResult.AccessToken);
    }
  });

  test('a wrong password is refused', async () => {
    await assert.rejects(prove(`${PASSWORD}x`), { name: 'NotAuthorizedException' });
  });

  test("a remembered device proves its own secret, and another secret doesn't do", async () => {
    const { AccessToken, NewDeviceMetadata } = await signIn(cloud, address);
    const { DeviceKey, DeviceGroupKey } = NewDeviceMetadata;
    const { password, ...DeviceSecretVerifierConfig } = await deviceSecret(DeviceGroupKey, DeviceKey);
    await cloud.cognito('ConfirmDevice', { AccessToken, DeviceKey, DeviceSecretVerifierConfig });
    const DeviceRememberedStatus = 'remembered';
    await cloud.cognito('UpdateDeviceStatus', { AccessToken, DeviceKey, DeviceRememberedStatus });

    const device = { DEVICE_KEY: DeviceKey };
    const withSecret = async (secret) => {
      const asked = await prove(PASSWORD, device);
      assert.equal(asked.ChallengeName, 'DEVICE_SRP_AUTH');
      const { USERNAME } = asked.ChallengeParameters;
      const exchange = new Exchange();
      const verifier = await answer(asked, { USERNAME, ...device, SRP_A: exchange.A });
      assert.equal(verifier.ChallengeName, 'DEVICE_PASSWORD_VERIFIER');
      const identity = { group: DeviceGroupKey, name: DeviceKey, password: secret };
      const proof = await exchange.prove({ ...identity, ...verifier.ChallengeParameters });
      return answer(verifier, { USERNAME, ...device, ...proof });
    };
    assert.ok((await withSecret(password)).AuthenticationResult.AccessToken);
    await assert.rejects(withSecret('another'), { name: 'NotAuthorizedException' });
  });

  test('the time is written as Cognito reads it', () => {
    assert.equal(timestamp(new Date('2026-11-03T09:05:07Z')), 'Tue Nov 3 09:05:07 UTC 2026');
    assert.equal(timestamp(new Date('2026-12-24T23:59:59Z')), 'Thu Dec 24 23:59:59 UTC 2026');
  });
});

describe("the page's authenticator", () => {
  test('has the codes of RFC 6238', async () => {
    // Appendix B, SHA-1, the last six of eight digits; the secret is "12345678901234567890".
    const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
    for (const [seconds, code] of [
      [59, '287082'],
      [1111111109, '081804'],
      [1234567890, '005924'],
      [20000000000, '353130'],
    ]) {
      assert.equal(await codeOf(secret, Math.floor(seconds / 30)), code);
    }
  });

  test('has the codes of an independent generator', async () => {
    const secret = new Secret({ size: 32 });
    const totp = new TOTP({ secret });
    for (let step = 59_000_000; step < 59_000_200; step += 1) {
      assert.equal(await codeOf(secret.base32, step), totp.generate({ timestamp: step * 30_000 }));
    }
  });
});
