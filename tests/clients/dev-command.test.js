// The local cloud as a person uses it: its flags, its end, and its messages when it cannot start.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Amplify } from 'aws-amplify';
import { confirmSignIn, signIn as amplifySignIn, signOut } from 'aws-amplify/auth';

import { Authenticator } from './harness/authenticator.js';
import { run, startCloud, temporaryFolder } from './harness/cloud.js';
import { newAddress, PASSWORD, signIn, signUp } from './harness/user.js';

describe('start', () => {
  test('the endpoints file has every key that tools rely on', async () => {
    const cloud = await startCloud();
    const { clients, region, userPoolId, ...urls } = cloud.endpoints;
    await cloud.stop();
    const services = ['api', 'cognito', 'console', 'dynamodb', 'kms', 'lambda', 'outbox', 'ses', 'sms', 'sns'];
    assert.deepEqual(Object.keys(urls).sort(), services);
    for (const url of Object.values(urls)) assert.match(url, /^http:\/\/127\.0\.0\.1:\d+/);
    assert.match(userPoolId, new RegExp(`^${region}_[0-9a-zA-Z]+$`));
    assert.deepEqual(Object.keys(clients).sort(), ['custom', 'native', 'server']);
    assert.equal(clients.native.secret, undefined);
    assert.ok(clients.server.secret);
  });

  test('a busy port is one clear line and exit code 1', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address();
    const { exited } = run(['--headless', '--memory', '--port', String(port)]);
    const end = await exited;
    squatter.close();
    assertOneLine(end, String(port));
  });

  test('a broken state file is one clear line and exit code 1, and `--fresh` gets over it', async () => {
    const folder = temporaryFolder();
    for (const name of ['user-pool.sqlite', 'dynamodb.sqlite', 'local.json']) {
      await (await startCloud(['--state-dir', folder.path, '--fresh'])).stop();
      writeFileSync(join(folder.path, name), 'neither a database nor JSON '.repeat(400));
      const { exited } = run(['--headless', '--port', '0', '--state-dir', folder.path]);
      assertOneLine(await exited, '--fresh');
    }
    const cloud = await startCloud(['--state-dir', folder.path, '--fresh']);
    assert.equal((await cloud.stop()).code, 0);
    folder.remove();
  });
});

describe('end', () => {
  for (const signal of ['SIGINT', 'SIGTERM']) {
    test(`${signal} ends everything with exit code 0 and leaves no process`, async () => {
      const cloud = await startCloud();
      await signUp(cloud);
      const end = await cloud.stop(signal);
      assert.ok(end.family.length >= 2, 'the triggers of a sign-up run as processes');
      assert.deepEqual({ code: end.code, survivors: end.survivors }, { code: 0, survivors: [] });
    });
  }

  test('not even kill -9 leaves a function behind', async () => {
    const cloud = await startCloud();
    await signUp(cloud);
    const { family, survivors } = await cloud.stop('SIGKILL');
    assert.ok(family.length >= 2);
    assert.deepEqual(survivors, []);
  });
});

describe('state', () => {
  test('a second start knows the users of the first, with their authenticators; `--fresh` does not', async () => {
    const folder = temporaryFolder();
    const first = await startCloud(['--state-dir', folder.path]);
    const address = await signUp(first);
    await first.stop();

    const second = await startCloud(['--state-dir', folder.path]);
    assert.equal(second.endpoints.userPoolId, first.endpoints.userPoolId);
    assert.deepEqual(second.endpoints.clients, first.endpoints.clients);
    assert.ok((await signIn(second, address)).AccessToken);
    await second.stop();

    const third = await startCloud(['--state-dir', folder.path, '--fresh']);
    await assert.rejects(signIn(third, address), { name: 'NotAuthorizedException' });
    await third.stop();
    folder.remove();
  });

  test('what was acknowledged before a kill -9 is there afterwards', async () => {
    const folder = temporaryFolder();
    const first = await startCloud(['--state-dir', folder.path]);
    const address = await signUp(first);
    await first.stop('SIGKILL');

    const second = await startCloud(['--state-dir', folder.path]);
    assert.ok((await signIn(second, address)).AccessToken);
    await second.stop();
    folder.remove();
  });
});

describe('flags', () => {
  test('`--mfa on` lets nobody in without a factor', async () => {
    const cloud = await startCloud(['--memory', '--mfa', 'on']);
    configureAmplify(cloud);
    const username = await signUp(cloud);
    let { nextStep } = await amplifySignIn({ username, password: PASSWORD });
    if (nextStep.signInStep === 'CONTINUE_SIGN_IN_WITH_MFA_SETUP_SELECTION') {
      ({ nextStep } = await confirmSignIn({ challengeResponse: 'TOTP' }));
    }
    assert.equal(nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_TOTP_SETUP');
    const authenticator = new Authenticator(nextStep.totpSetupDetails.sharedSecret);
    const done = await confirmSignIn({ challengeResponse: authenticator.next() });
    assert.equal(done.nextStep.signInStep, 'DONE');
    await signOut();

    const again = await amplifySignIn({ username, password: PASSWORD });
    assert.equal(again.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
    await cloud.stop();
  });

  test('`--mfa off` asks nobody, and our API says that there is nothing to set up', async () => {
    const cloud = await startCloud(['--memory', '--mfa', 'off']);
    const { AccessToken } = await signIn(cloud, await signUp(cloud));
    const response = await cloud.api('/mfa/totp', { token: AccessToken, method: 'POST' });
    assert.equal((await response.json()).code, 'totp-not-offered');
    await cloud.stop();
  });

  for (const [way, username, attributes] of [
    ['username', 'ada', { email: 'ada@example.com' }],
    ['phone', '+12025550123', {}],
  ]) {
    test(`\`--sign-in-with ${way}\``, async () => {
      const cloud = await startCloud(['--memory', '--sign-in-with', way]);
      const ClientId = cloud.endpoints.clients.native.id;
      await cloud.cognito('SignUp', {
        ClientId,
        Username: username,
        Password: PASSWORD,
        UserAttributes: Object.entries(attributes).map(([Name, Value]) => ({ Name, Value })),
      });
      const ConfirmationCode = await cloud.code(attributes.email ?? username);
      await cloud.cognito('ConfirmSignUp', { ClientId, Username: username, ConfirmationCode });
      assert.ok((await signIn(cloud, username)).AccessToken);
      await cloud.stop();
    });
  }

  test('`--lambda-endpoint` calls functions that run elsewhere', async () => {
    const elsewhere = await startCloud();
    const cloud = await startCloud(['--memory', '--lambda-endpoint', elsewhere.endpoints.lambda]);
    // The cloud's senders can't open this pool's codes, so the user must need none.
    const { userPoolId: UserPoolId } = cloud.endpoints;
    const user = { UserPoolId, Username: newAddress() };
    await cloud.cognito('AdminCreateUser', { ...user, MessageAction: 'SUPPRESS' });
    await cloud.cognito('AdminSetUserPassword', { ...user, Password: PASSWORD, Permanent: true });
    // The token gate knows only the clients of its own pool.
    await assert.rejects(signIn(cloud, user.Username), {
      message: 'PreTokenGeneration failed with error This app is not allowed to sign users in.',
    });
    const [here, there] = [await cloud.stop(), await elsewhere.stop()];
    assert.deepEqual(here.family, []);
    assert.ok(there.family.length >= 2);
  });
});

test('every listener refuses pages and names from elsewhere', async () => {
  const cloud = await startCloud();
  const { clients, region, userPoolId, ...urls } = cloud.endpoints;
  for (const [service, url] of Object.entries(urls)) {
    for (const headers of [{ host: 'attacker.example' }, { origin: 'https://attacker.example' }]) {
      assert.equal(await status(url, headers), 403, `${service} ${JSON.stringify(headers)}`);
    }
    assert.notEqual(await status(url, {}), 403, service);
  }
  await cloud.stop();
});

function assertOneLine({ code, stdout, stderr }, mention) {
  assert.deepEqual({ code, stdout, lines: stderr.length }, { code: 1, stdout: [], lines: 1 }, stderr.join('\n'));
  assert.ok(stderr[0].includes(mention), stderr[0]);
}

function configureAmplify(cloud) {
  const { userPoolId, clients, cognito } = cloud.endpoints;
  Amplify.configure({
    Auth: { Cognito: { userPoolId, userPoolClientId: clients.native.id, userPoolEndpoint: cognito } },
  });
}

/** fetch() would not let the test choose the Host header. */
async function status(url, headers) {
  const [response] = await once(request(url, { headers }).end(), 'response');
  response.resume();
  return response.statusCode;
}
